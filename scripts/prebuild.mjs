// `npm run package:prebuild`: makes prebuilds/ for all eight targets, or for those that --target names, by prebuildify through
// Zig (scripts/zig-build.mjs), and checks each. --native makes this machine's alone, through cmake-js and its own compiler.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import prebuildify from 'prebuildify';
import { binaryFaults, glibcOf, readBinary } from './binary.mjs';
import { main, root, StepError, say } from './common.mjs';
import { ownTarget, targets } from './targets.mjs';
import { zig } from './zig.mjs';

/** Has prebuildify make one binary, in a folder of its own, so that the developers' build/Release stays what it is. */
function make({ name, platform, arch, libc }, native) {
  const cwd = join(root, 'build', 'prebuild', name);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  const options = {
    name: 'gradtape',
    napi: true,
    platform,
    arch,
    libc,
    tagLibc: platform === 'linux',
    cwd,
    out: root,
    strip: native,
    nodeGyp: join(root, 'scripts', native ? 'cmake-js-shim.mjs' : 'zig-build.mjs'),
  };
  return new Promise((resolve, reject) => {
    prebuildify(options, (error) => {
      if (error)
        reject(new StepError(`${name}: ${/^node-gyp exited/.test(error.message) ? 'see above' : error.message}`));
      else resolve();
    });
  });
}

/** Tells of each binary what it is, and returns what is wrong with them, a line each. */
function check(made) {
  const found = [];
  for (const target of made) {
    const binary = readBinary(join(root, target.file));
    const needs = { glibc: `glibc ${glibcOf(binary)}`, darwin: `macOS ${binary.system}` }[
      target.libc ?? target.platform
    ];
    const size = `${(binary.size / 1e6).toFixed(3)} MB`;
    say(`${target.name}: ${[target.file, size, needs && `needs ${needs}`].filter(Boolean).join(', ')}`);
    found.push(...binaryFaults(binary, target).map((fault) => `${target.name}: ${fault}`));
  }
  return found;
}

function chosen(names) {
  const all = targets();
  const wanted = names.flatMap((name) => name.split(','));
  const unknown = wanted.filter((name) => !all.some((target) => target.name === name));
  if (unknown.length > 0) {
    throw new StepError(`no target ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`);
  }
  return all.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
}

await main(async () => {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true, default: [] },
      native: { type: 'boolean', default: false },
    },
  });
  const { target: names, native } = values;
  if (native && names.length > 0) throw new StepError('--native is for this machine: no --target beside it');
  const wanted = chosen(native ? [ownTarget()] : names);
  if (!native) zig(); // installs it, if need be, before anything is timed
  const failed = [];
  const made = [];
  for (const target of wanted) {
    const start = performance.now();
    say(`${target.name} ...`);
    try {
      await make(target, native);
      made.push(target);
      say(`${target.name}: built in ${((performance.now() - start) / 1000).toFixed(0)} s`);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      failed.push(error.message);
    }
  }
  const faults = check(made);
  if (!native) failed.push(...faults); // this machine's compiler asks for this machine's libraries
  if (failed.length > 0) throw new StepError(failed.join('\n  '));
});
