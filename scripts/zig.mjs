// Zig, which compiles for all targets from one machine: the pinned version from PyPI, in a virtual environment of its own
// in build/zig, made once. Its cache lies beside it and goes by contents: sources, headers, flags and Zig itself.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, output, root, run, StepError, say, stampIs, writeStamp } from './common.mjs';

export const ZIG_VERSION = '0.17.1';

const folder = join('build', 'zig');
const venv = join(root, folder, 'venv');
const windows = process.platform === 'win32';

/** A virtual environment with these packages of PyPI; null where there is no Python. */
function python() {
  return findProgram('python3', 'python');
}

/** The path of the Zig program, which is installed if it is missing. */
export function zig() {
  const stamp = join(folder, '.stamp');
  const inVenv = join(venv, windows ? 'Scripts' : 'bin', windows ? 'python.exe' : 'python');
  if (!stampIs(stamp, ZIG_VERSION) || !existsSync(inVenv)) {
    const found = python();
    if (!found) throw new StepError('python3 is not on the PATH: Zig, the compiler of the prebuilt binaries, comes from PyPI');
    say(`installing ziglang ${ZIG_VERSION} from PyPI into ${folder} (once, 95 MB to load) ...`);
    rmSync(venv, { recursive: true, force: true });
    mkdirSync(join(root, folder), { recursive: true });
    run(found, ['-m', 'venv', venv]); // Debian has it in a package of its own, and says so
    run(inVenv, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', `ziglang==${ZIG_VERSION}`]);
    writeStamp(stamp, ZIG_VERSION);
  }
  const where = output(inVenv, ['-c', 'import ziglang; print(ziglang.__path__[0])']);
  if (where === null) throw new StepError(`${folder} is broken: remove it and try again`);
  return join(where.trim(), windows ? 'zig.exe' : 'zig');
}

const cache = join(root, folder, 'cache');

/** Runs Zig in the project's folder, so that no path of this machine gets into what it makes. Resolves to seconds. */
export function runZig(program, args) {
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
      else reject(new StepError(`zig ${args.join(' ')}: exit code ${code}`));
    });
  });
}
