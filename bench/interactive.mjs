// Short evaluations behind long ones in one process: how long 0.1 ms of work takes to answer while four evaluations of half a second
// run or wait. `node bench/interactive.mjs [--rounds 5] [--check] [--out FILE]`; with --check exit code 1 says that one took longer
// than the aim. On a server (server.mjs) the same, with HTTP and clients around it.
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const kAim = 20; // ms
const kLongs = 4;
const kLong = 500; // ms
const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, check: { type: 'boolean' }, out: { type: 'string' } },
});

const tf = await openGradtape();
const matrix = tf.random.normal([900, 900], { seed: 1 });
const small = tf.random.normal([64, 64], { seed: 2 });
tf.evaluate(matrix, small);

/** A pending number: so many products of matrices. */
function long(products) {
  let x = matrix;
  for (let k = 0; k < products; k++) x = tf.matmul(x, matrix).mul(0.03);
  return tf.reduceSum(x);
}
const short = (k) => tf.reduceSum(tf.tanh(tf.matmul(small, small.add(k)).mul(0.1)));

function timed(run) {
  const start = performance.now();
  run();
  return performance.now() - start;
}

const kProducts = 8;
for (let k = 0; k < 3; k++) long(kProducts).item();
const products = Math.round((kProducts * kLong) / timed(() => long(kProducts).item()));
const alone = timed(() => {
  for (let k = 0; k < 500; k++) short(k).item();
});

const times = [];
for (let round = 0; round < Number(options.rounds); round++) {
  let ended = 0;
  const longs = Array.from({ length: kLongs }, () => tf.evaluateAsync(long(products)).then(() => ended++));
  while (ended === 0) {
    const start = performance.now();
    await short(times.length).data();
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(longs);
}

times.sort((a, b) => a - b);
const at = (share) => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toPrecision(3));
const results = {
  evaluations: times.length,
  alone: alone / 500,
  median: at(0.5),
  p99: at(0.99),
  most: at(1),
  aim: kAim,
};
console.log(
  `${times.length} evaluations of ${results.alone.toFixed(2)} ms behind ${kLongs} of ${kLong} ms: ` +
    `median ${results.median} ms, p99 ${results.p99} ms, most ${results.most} ms (aim ${kAim})`,
);
if (options.out !== undefined) {
  const about = machine(tf);
  const file = options.out || fileURLToPath(new URL(`results/${slug(about)}-interactive.json`, import.meta.url));
  writeFileSync(file, `${JSON.stringify({ machine: about, unit: 'ms', results }, null, 1)}\n`);
}
if (options.check && results.most > kAim) process.exitCode = 1;
