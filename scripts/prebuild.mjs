// `npm run package:prebuild`: makes prebuilds/ for all eight targets, or for those that --target names, by prebuildify through
// Zig (scripts/zig-build.mjs), and checks each. --native makes this machine's alone, through cmake-js and its own compiler.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import prebuildify from 'prebuildify';
import { binaryFaults, glibcOf, readBinary } from './binary.mjs';
import { bin, cores, main, output, root, run, say, StepError } from './common.mjs';
import { targets } from './targets.mjs';
import { zig } from './zig.mjs';

/** Has prebuildify make one binary, through a program that it takes for node-gyp, in a folder of its own. */
function make({ name, platform, arch, libc }, builder) {
  const cwd = join(root, 'build', 'prebuild', name);
  rmSync(cwd, { recursive: true, force: true });
  const options = {
    name: 'gradtape',
    napi: true,
    platform,
    arch,
    libc,
    tagLibc: platform === 'linux',
    cwd,
    out: root,
    nodeGyp: join(root, 'scripts', builder),
  };
  return new Promise((resolve, reject) => {
    prebuildify(options, (error) => (error ? reject(new StepError(`${name}: ${error.message}`)) : resolve()));
  });
}
