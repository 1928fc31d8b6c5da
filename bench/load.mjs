// How long loading takes over bare Node, beside what other libraries take: medians of processes of their own, taken in turns.
// `node bench/load.mjs [--check] [--out FILE]`; with --check exit code 1 says that it took more than the aim. Not a case of
// run.mjs, whose cases are parts of one process.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const kAim = 12; // ms
const kRuns = 21;
const { values: options } = parseArgs({ options: { check: { type: 'boolean' }, out: { type: 'string' } } });
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const required = (path) => `require(${JSON.stringify(path)})`;

const sides = {
  'bare Node': '0',
  'the addon alone': `${required(here('../dist/load.js'))}.loadAddon().open()`,
  gradtape: required(here('../dist/index.cjs')),
  'gradtape, and something computed': `const tf = ${required(here('../dist/index.cjs'))}; tf.reduceSum(tf.ones([2, 3])).item()`,
};
// Opponents that `npm run bench:setup` has installed.
for (const [name, path] of [
  ['deepbox', 'node_modules/deepbox'],
  ['@tensorflow/tfjs', 'peers/node_modules/@tensorflow/tfjs'],
  ['onnxruntime-node', 'peers/node_modules/onnxruntime-node'],
]) {
  if (existsSync(here(path))) sides[name] = required(here(path));
}

function time(code) {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - start;
}

const times = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
for (let run = 0; run < kRuns; run++) for (const [name, code] of Object.entries(sides)) times[name].push(time(code));

const bare = median(times['bare Node']);
const results = {};
for (const name of Object.keys(sides)) {
  const all = median(times[name]);
  results[name] = { ms: all, overBare: all - bare, ofBare: all / bare };
  const over = (all - bare).toFixed(1).padStart(6);
  console.log(
    `${name.padEnd(32)} ${all.toFixed(1).padStart(6)} ms ${over} over bare, ${(all / bare).toFixed(2)} of it`,
  );
}
if (options.out !== undefined) {
  const about = machine(await openGradtape(1));
  const file = options.out || here(`results/${slug(about)}-load.json`);
  writeFileSync(file, `${JSON.stringify({ machine: about, unit: 'ms', results }, null, 1)}\n`);
}
const loading = results.gradtape.overBare;
if (options.check && loading > kAim) {
  console.error(`bench: loading took ${loading.toFixed(1)} ms over bare Node, the aim is ${kAim}`);
  process.exitCode = 1;
}
