/** V8's collector, asked to look for dead tensors soon. Knows no memory. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';
import { common } from './addon.js';

type Collect = (options?: { type: 'minor' | 'major' }) => void;

const lookUp = "typeof gc === 'function' ? gc : null";
const freezing = /^--?freeze[-_]flags[-_]after[-_]init/;

/**
 * Whether V8's flags may be switched. They are the whole process's, so a worker's own arguments do not tell: with
 * --freeze-flags-after-init the attempt ends the process.
 */
export function mayTouchFlags(): boolean {
  if (process.env['GRADTAPE_V8_FLAGS'] === '0') return false;
  if (process.versions['electron'] || process.versions['bun'] || process.versions['deno']) return false;
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  if (!isMainThread) given.push(...argumentsOfProcess());
  return !given.some((flag) => freezing.test(flag.replace(/^["']/, '')));
}

function argumentsOfProcess(): string[] {
  try {
    if (process.platform === 'linux') {
      const environment = readFileSync('/proc/self/environ', 'utf8').split('\0');
      const options = environment.find((line) => line.startsWith('NODE_OPTIONS='))?.slice('NODE_OPTIONS='.length) ?? '';
      return [...readFileSync('/proc/self/cmdline', 'utf8').split('\0'), ...options.split(/\s+/)];
    }
    const report = process.report.getReport() as unknown as { header: { commandLine: string[] } };
    return report.header.commandLine;
  } catch {
    return ['--freeze-flags-after-init']; // not known, so not touched
  }
}

/**
 * V8's function for it: node --expose-gc's, or else one had by switching that flag on and off again, once for all copies of the library.
 * What the switching makes is a context with the function in it; nothing else of the process sees it.
 */
function findCollect(): Collect | null {
  if (globalThis.gc) return globalThis.gc as Collect;
  const given = runInNewContext(lookUp) as Collect | null; // the realm of a test runner has none of its own
  if (given || !mayTouchFlags()) return given;
  try {
    setFlagsFromString('--expose-gc');
    return runInNewContext(lookUp) as Collect | null;
  } catch {
    return null;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

function collector(): Collect | null {
  if (common['gc'] === undefined) common['gc'] = findCollect();
  return common['gc'] as Collect | null;
}

/**
 * Asks V8 to collect its young objects (0.2 ms): blocks used again are nothing new to it, so it has no reason of its own. Allocating
 * to make it collect does not do: it then starts its great collections too, and while it marks for one, what dies young is not found.
 */
export function collectYoung(): void {
  collector()?.({ type: 'minor' });
}

/** Asks V8 to collect all. */
export function collectAll(): void {
  collector()?.();
}
