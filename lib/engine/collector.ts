/**
 * Asking V8's garbage collector to run, so that dead tensors are found soon. Loads `node:v8` and `node:worker_threads`
 * only when it asks: with all that they load they take 2 ms.
 */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { common } from './addon.js';

type Collect = (options?: { type: 'minor' | 'major' }) => void;

const lookUp = "typeof gc === 'function' ? gc : null";
const freezing = /^--?freeze[-_]flags[-_]after[-_]init/;

/**
 * Whether V8's flags may be changed at run time. With --freeze-flags-after-init the attempt would end the process.
 * Flags belong to the whole process, so a worker looks at the arguments of the process, not at its own.
 */
export function mayTouchFlags(): boolean {
  if (process.env['GRADTAPE_V8_FLAGS'] === '0') return false;
  if (process.versions['electron'] || process.versions['bun'] || process.versions['deno']) return false;
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  const { isMainThread } = require('node:worker_threads') as typeof import('node:worker_threads');
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
    return ['--freeze-flags-after-init']; // the arguments are not known: the flags are left alone
  }
}

/**
 * V8's gc function: the global one of `node --expose-gc`; else that of a new context, made while the flag is set for a
 * moment. Only that context has it; the rest of the process does not see it. Done once for all copies of the library.
 */
function findCollect(): Collect | null {
  if (globalThis.gc) return globalThis.gc as Collect;
  const given = runInNewContext(lookUp) as Collect | null; // finds it where a test runner's realm hides --expose-gc
  if (given || !mayTouchFlags()) return given;
  const { setFlagsFromString } = require('node:v8') as typeof import('node:v8');
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
 * Asks V8 to collect young objects (0.2 ms). V8 has no reason of its own to do so, because using a slab again
 * allocates nothing. Making it collect by allocating does not work: that starts full collections too, and while V8
 * marks for one, it does not find what dies young.
 */
export function collectYoung(): void {
  collector()?.({ type: 'minor' });
}

/** Asks V8 for a full collection. */
export function collectAll(): void {
  collector()?.();
}
