// The other libraries: where each lives, how its process is started, and how a missing one is installed.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Python's virtual environment: GRADTAPE_BENCH_VENV, or bench/peers/.venv. */
export const venv = process.env.GRADTAPE_BENCH_VENV ?? join(here, 'peers/.venv');
export const python = process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');
export const nativeFolder = join(here, 'peers/native/build');

/** A package of npm, in bench/ or bench/peers/, and the module that speaks to it. Most of them know one thread. */
function node(load, folder, packages, more = {}) {
  return {
    load,
    home: join(here, folder),
    packages,
    command: (name) => [process.execPath, join(here, 'serve.mjs'), name],
    ...more,
  };
}

/** A package of PyPI; `setup` is the step of setup.mjs that installs it. */
const inPython = (setup) => ({
  threads: true,
  setup,
  command: (name) => [python, join(here, 'peers/python/serve.py'), name],
});

/** A C++ program of peers/native/. */
const native = (setup) => ({ threads: true, setup, command: (name) => [join(nativeFolder, name)] });

const jax = node(() => import('./peers/jax-js.mjs'), 'peers', ['@jax-js/jax']);
const tfjs = () => import('./peers/tfjs.mjs');

const libraries = {
  deepbox: node(() => import('./peers/deepbox.mjs'), '.', ['deepbox']),
  'jax-js': jax,
  'jax-js-jit': jax,
  'tfjs-cpu': node(tfjs, 'peers', ['@tensorflow/tfjs']),
  'tfjs-wasm': node(tfjs, 'peers', ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm']),
  onnxruntime: node(() => import('./peers/onnxruntime.mjs'), 'peers', ['onnxruntime-node'], {
    threads: true,
    setup: 'onnxruntime',
  }),
  tensorflow: inPython('tensorflow'),
  'tensorflow-function': inPython('tensorflow'),
  torch: inPython('torch'),
  'torch-compile': inPython('torch'),
  jax: inPython('jax'),
  'jax-jit': inPython('jax'),
  numpy: inPython('numpy'),
  openblas: native('openblas'),
  onednn: native('onednn'),
};

export const everyone = Object.keys(libraries);

/** Whether a library is worth measuring with so many threads. */
export const knows = (name, threads) => threads === 1 || libraries[name].threads === true;

/** What setup.mjs has to do for these, beyond packages of npm. */
export const setupsOf = (names) => new Set(names.map((name) => libraries[name].setup).filter(Boolean));

export const hint = (name) => `npm run bench:setup -- ${name}`;

const inFolder = (home, packages) =>
  packages.every((name) => existsSync(join(home, 'node_modules', name, 'package.json')));

/** Installs what is missing in the folders of these libraries; install scripts, which download, stay out. */
export function installNode(names, say) {
  for (const home of new Set(names.map((name) => libraries[name].home).filter(Boolean))) {
    const { devDependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    if (inFolder(home, Object.keys(devDependencies))) continue;
    say(`npm ci for ${Object.keys(devDependencies).join(', ')} ...`);
    spawnSync('npm', ['ci', '--ignore-scripts'], { cwd: home, stdio: 'ignore', shell: process.platform === 'win32' });
  }
}

/** The version and the kinds of a library of npm, in this process. */
export async function open(name, threads) {
  const { load, home, packages } = libraries[name];
  if (!inFolder(home, packages)) throw new Error('it is not installed');
  const { version } = JSON.parse(readFileSync(join(home, 'node_modules', packages[0], 'package.json'), 'utf8'));
  const module = await load();
  return { version, kinds: await module.open(name, threads) };
}

/** The command and the environment of a library's process. */
export function started(name, threads, clock) {
  const count = String(threads);
  const variables = ['OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'NPROC'];
  const program =
    name === 'gradtape' ? [process.execPath, join(here, 'serve.mjs'), name] : libraries[name].command(name);
  return [[...program, count, clock], Object.fromEntries(variables.map((variable) => [variable, count]))];
}
