#!/usr/bin/env node
// `npx gradtape build`: compiles the addon where no prebuilt binary fits, with the node-gyp that is at hand. It works
// in a folder of its own and leaves one file, where the library looks first: build/Release/gradtape.node of the
// package.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const usage = `npx gradtape build [--out FILE]
  compiles the native addon of gradtape for this machine (a few minutes): needs Python, make and a C++17 compiler
  --out FILE  writes it there instead of into the package; GRADTAPE_ADDON=FILE then loads it`;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);

class Failure extends Error {}

// As a file to run with Node: the project's, that of the npm that runs this, that of the npm beside Node; or of the
// PATH.
function nodeGyp() {
  const script = ['node-gyp', 'bin', 'node-gyp.js'];
  try {
    return require.resolve('node-gyp/bin/node-gyp.js', { paths: [process.cwd(), root] });
  } catch {
    const { npm_config_node_gyp: ofNpm, npm_execpath: npm = '', PATH = '' } = process.env;
    const prefix = dirname(process.execPath);
    return [
      ofNpm ?? '',
      join(dirname(npm), '..', 'node_modules', ...script),
      join(prefix, '..', 'lib', 'node_modules', 'npm', 'node_modules', ...script),
      join(prefix, 'node_modules', 'npm', 'node_modules', ...script),
      ...PATH.split(delimiter).map((folder) => join(folder, 'node-gyp')),
    ].find((file) => file && existsSync(file));
  }
}

function environment() {
  // Node's own headers, if they came with it; else node-gyp fetches them.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
  const packages = dirname(dirname(require.resolve('node-addon-api/package.json')));
  const paths = [packages, process.env.NODE_PATH].filter(Boolean).join(delimiter);
  return { JOBS: String(availableParallelism()), ...headers, ...process.env, NODE_PATH: paths };
}

function build(out) {
  const gyp = nodeGyp();
  if (!gyp) throw new Failure('no node-gyp is at hand: npm install --save-dev node-gyp, then again');
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-build-'));
  try {
    // In the repository it lies at the top; in the package it must not, or package managers would build by themselves.
    const recipe = ['bin', '.'].map((place) => join(root, place, 'binding.gyp')).find(existsSync);
    if (!recipe) throw new Failure(`${root} has no sources: install gradtape again`);
    copyFileSync(recipe, join(folder, 'binding.gyp'));
    cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const { status, error } = spawnSync(process.execPath, [gyp, 'rebuild', '--release'], {
      cwd: folder,
      stdio: 'inherit',
      env: environment(),
    });
    if (error || status !== 0) {
      throw new Failure(
        `node-gyp said why above (${error?.message ?? `exit code ${status}`}). It needs Python 3, make and a C++17 compiler: ` +
          'Debian: apt-get install python3 make g++; Fedora: dnf install python3 make gcc-c++; Alpine: apk add python3 make g++; ' +
          "macOS: xcode-select --install; Windows: Visual Studio's Build Tools with C++ and Clang, and Python",
      );
    }
    mkdirSync(dirname(out), { recursive: true });
    // A process may have the old file loaded: the new one takes its place at once, or not at all.
    copyFileSync(join(folder, 'build', 'Release', 'gradtape.node'), `${out}.new`);
    renameSync(`${out}.new`, out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// What was built must load, or it is no use to say that it was.
function check(out, named) {
  const code = `const tf = require(${JSON.stringify(root)}); if (tf.reduceSum(tf.ones([2, 3])).item() !== 6) process.exit(1);`;
  const env = { ...process.env, GRADTAPE_ADDON: named ? out : '' };
  const { status } = spawnSync(process.execPath, ['-e', code], { stdio: ['ignore', 'inherit', 'inherit'], env });
  if (status !== 0) throw new Failure(`${out} was built, but does not work`);
}

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    console.log(usage);
  } else if (positionals.join() !== 'build') {
    throw new Failure(`expected\n${usage}`);
  } else {
    const out = resolve(values.out ?? join(root, 'build', 'Release', 'gradtape.node'));
    build(out);
    check(out, values.out !== undefined);
    console.log(`gradtape: built ${out}${values.out ? `; GRADTAPE_ADDON=${out} loads it` : ''}`);
  }
} catch (error) {
  if (!(error instanceof Failure) && !/^ERR_PARSE_ARGS/.test(error.code)) throw error;
  console.error(`gradtape: ${error.message}`);
  process.exitCode = 1;
}
