// Installs the opponents: `npm run bench:setup`, or only some by name. What fails is said and the rest goes on; to run it again is cheap.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { everyone, installNode, nativeFolder, python, setupsOf, venv } from './opponents.mjs';

const peers = fileURLToPath(new URL('peers/', import.meta.url));
const say = (line) => console.log(`bench: ${line}`);

/** Runs a command; false, with its last line, if it failed. */
function run(what, command, args) {
  say(`${what} ...`);
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status === 0) return stdout.trim() || true;
  const why = error?.message ?? `${stdout}\n${stderr}`.trim().split('\n').at(-1);
  say(`${what} failed: ${why}`);
  return false;
}

/** The line of requirements.txt that begins so. */
function requirement(name) {
  const lines = readFileSync(join(peers, 'python/requirements.txt'), 'utf8').split('\n');
  return lines.find((line) => line.startsWith(name));
}

function pip(name) {
  if (!existsSync(python) && !run("Python's virtual environment", 'python3', ['-m', 'venv', venv])) return false;
  const line = requirement(name);
  return run(`pip install ${line}`, python, ['-m', 'pip', 'install', '--quiet', line]);
}

function compile(name, flags) {
  mkdirSync(nativeFolder, { recursive: true });
  const source = join(peers, 'native', `${name}.cc`);
  const standard = ['-std=c++17', '-O2', source, '-o', join(nativeFolder, name)];
  return run(`compiling ${name}`, process.env.CXX ?? 'c++', [...standard, ...flags]);
}

const steps = {
  tensorflow: () => pip('tensorflow'),
  torch: () => pip('torch'),
  jax: () => pip('jax'),
  numpy: () => pip('numpy'),
  onnxruntime: () => {
    const folder = join(peers, 'models/build');
    return pip('onnx') && run('models of onnxruntime', python, [join(peers, 'models/make.py'), folder]);
  },
  openblas: () => {
    if (!pip('scipy-openblas32')) return false;
    const ask = 'import scipy_openblas32 as s; print(s.get_include_dir(), s.get_lib_dir(), sep="\\n")';
    const [include, lib] = String(run('where OpenBLAS is', python, ['-c', ask])).split('\n');
    return compile('openblas', [`-I${include}`, `-L${lib}`, '-lscipy_openblas', `-Wl,-rpath,${lib}`]);
  },
  onednn: () =>
    compile('onednn', ['-ldnnl']) || say('oneDNN 2 is a package of the system: apt-get install libdnnl-dev'),
};

const names = process.argv.length > 2 ? process.argv.slice(2) : everyone;
const unknown = names.filter((name) => !everyone.includes(name));
if (unknown.length > 0) {
  console.error(`bench: ${unknown.join(', ')}: expected some of ${everyone.join(', ')}`);
  process.exit(1);
}
installNode(names, say);
const failed = [...setupsOf(names)].filter((name) => !steps[name]());
say(failed.length === 0 ? 'done' : `done, without ${failed.join(', ')}`);
