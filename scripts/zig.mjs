// Zig, which compiles for all targets from one machine: a pinned version from PyPI. Its cache, build/zig, goes by contents:
// sources, headers, flags and Zig itself; so an object of another state of the sources is never taken. `node scripts/zig.mjs`
// only installs it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, root, StepError } from './common.mjs';
import { installed } from './pypi.mjs';

export const ZIG_VERSION = '0.17.1';

/** The path of the Zig program, which is installed if it is missing. */
export function zig() {
  return join(installed('ziglang', ZIG_VERSION), process.platform === 'win32' ? 'zig.exe' : 'zig');
}

const cache = join(root, 'build', 'zig');

/**
 * Runs Zig in the project's folder, so that no path of this machine gets into what it makes. Resolves to seconds; where it
 * fails, what it printed is above, and the error says what it was to do.
 */
export function runZig(program, args, what) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        printed += text;
      });
    }
    child.on('error', (error) => reject(new StepError(`zig: ${error.message}`)));
    child.on('close', (code) => {
      if (printed) process.stderr.write(printed);
      if (code === 0) resolve((performance.now() - start) / 1000);
      else reject(new StepError(`${what}: zig ended with exit code ${code}`));
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(() => zig());
