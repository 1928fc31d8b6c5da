/** Origin: the place of the user's code that called the library, from the stack. Reads no source. */
import { fileURLToPath } from 'node:url';
import { thisCopy } from './errors.js';

/** How many frames are looked at: a user's call may lie under many of the library's, as of custom gradients. */
const kFrames = 64;

/** Whether Error.stackTraceLimit can be set; with node --frozen-intrinsics it cannot. */
export const limitIsFree: boolean = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/**
 * The first place on the stack outside of the library, as `file:line:column`; null if there is none. With node
 * --enable-source-maps it is the place in the source that was compiled.
 */
export function callSite(): string | null {
  const limit = Error.stackTraceLimit;
  if (limitIsFree) Error.stackTraceLimit = kFrames;
  const { stack } = new Error();
  if (limitIsFree) Error.stackTraceLimit = limit;
  for (const line of String(stack).split('\n')) {
    // Of code that eval made, V8 writes (eval at f (file:1:2), <anonymous>:3:4): the last is the place.
    const place = /^\s+at (?:.* \()?(?:async )?(.+:\d+:\d+)\)?$/.exec(line)?.[1]?.replace(/^.*\), /, '');
    if (place === undefined || place.startsWith('node:') || place.includes(thisCopy.folder)) continue;
    return place.startsWith('file:') ? pathOf(place) : place;
  }
  return null;
}

function pathOf(place: string): string {
  const [, url, at] = /^(.*)(:\d+:\d+)$/.exec(place) as unknown as [string, string, string];
  try {
    return fileURLToPath(url) + at;
  } catch {
    return place; // a file: URL of another platform's form
  }
}
