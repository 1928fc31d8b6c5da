// Runs a piece of CommonJS over the built library in a process of its own: for settings read at load, memory, exits.
import { execFile } from 'node:child_process';
import { root } from './files.js';

export interface Outcome {
  /** Exit code; null if a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In `code`, `tf` is the library; `done(value)` prints JSON, which `jsonOf` reads. `flags` are Node's. */
export function runChild(code: string, env: Record<string, string> = {}, flags: string[] = []): Promise<Outcome> {
  const source = `
    const done = (value) => console.log(JSON.stringify(value));
    const tf = require('./dist/index.cjs');
    ${code}`;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST|GRADTAPE_)/.test(name));
  return new Promise((resolve) => {
    const options = { cwd: root, env: { ...Object.fromEntries(inherited), ...env }, maxBuffer: 1 << 24 };
    const child = execFile(process.execPath, ['--expose-gc', ...flags, '-e', source], options, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/** The value that the child was done with; fails with what it printed if it was not. */
export function jsonOf<T>(outcome: Outcome): T {
  if (outcome.code !== 0) throw new Error(`the child ended with ${outcome.code}: ${outcome.stderr}`);
  return JSON.parse(outcome.stdout) as T;
}

// What `child` has beside `tf` and `done`.
const helpers = `
  const loader = module; // keeps its children; later the name is another's
  const { readFileSync } = require('node:fs');
  const MB = 2 ** 20, rss = () => process.memoryUsage().rss / MB;
  const status = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]);
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const until = async (holds) => { for (let k = 0; !holds() && k < 100; k++) await sleep(100); };
  const codeOf = (f) => { try { f(); return 'computed'; } catch (e) { return e.code ?? e.stack; } };
  const codeOfAsync = async (f) => { try { await f(); return 'computed'; } catch (e) { return e.code ?? e.stack; } };
  // What the process may have beside what it has; 0: anything.
  const limit = (mb) => require('node:child_process').execFileSync('prlimit',
    ['--pid', String(process.pid), '--as=' + (mb ? status('VmSize') * 1024 + mb * MB : 'unlimited') + ':unlimited']);`;

/** The value that an async body is done with; it has the helpers above. */
export const child = async <T>(code: string, env: Record<string, string> = {}, flags: string[] = []): Promise<T> =>
  jsonOf<T>(await runChild(`${helpers}\n(async () => { ${code} })();`, env, flags));

/** Children use dist and the plain addon, which the sanitized run does not test. */
export const plain = !process.env['GRADTAPE_SANITIZED'];

/** The same on Linux, whose /proc and prlimit the helpers use. */
export const linux = plain && process.platform === 'linux';
