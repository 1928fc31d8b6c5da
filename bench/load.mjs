// How long loading takes over bare Node: medians of processes of their own, taken in turns. `node bench/load.mjs
// [--check]`, where exit code 1 says that it took more than the aim. Not a case of run.mjs, whose cases are parts of
// one process.
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const kAim = 12; // ms
const kRuns = 20;
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const load = `require(${JSON.stringify(`${dist}load.js`)})`;

const what = {
  'bare Node': '0',
  'the addon alone': `${load}.loadAddon().open()`,
  "require('gradtape')": `require(${JSON.stringify(`${dist}index.cjs`)})`,
  'and something computed': `const tf = require(${JSON.stringify(`${dist}index.cjs`)}); tf.reduceSum(tf.ones([2, 3])).item()`,
};

function time(code) {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return performance.now() - start;
}

const times = Object.fromEntries(Object.keys(what).map((name) => [name, []]));
for (let run = 0; run < kRuns; run++) for (const [name, code] of Object.entries(what)) times[name].push(time(code));
const median = (name) => times[name].sort((a, b) => a - b)[kRuns / 2];

const bare = median('bare Node');
for (const name of Object.keys(what)) {
  console.log(
    `${name.padEnd(24)} ${median(name).toFixed(1).padStart(6)} ms ${(median(name) - bare).toFixed(1).padStart(6)} over bare`,
  );
}
const loading = median("require('gradtape')") - bare;
if (process.argv.includes('--check') && loading > kAim) {
  console.error(`bench: loading took ${loading.toFixed(1)} ms over bare Node, the aim is ${kAim}`);
  process.exitCode = 1;
}
