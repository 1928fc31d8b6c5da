// Tries a built addon under the Node that runs this: `node scripts/load-test.mjs ADDON`; or, by `--package FOLDER`, what an
// installed package finds by itself, and then it needs of the repository this file and the hashes alone. It computes the README's first example,
// knows the CPU's instruction sets, computes the same bits as test/golden/hashes.json on each of them, computes off the
// event loop and in two worker threads. Starts no other process, so that it runs under an emulator or another loader.
// --write writes that file instead: what this machine's own compiler makes of the sources; other machines' sets stay.
// --hashes FILE takes another file.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

class Wrong extends Error {}

function same(what, is, should) {
  const [a, b] = [is, should].map((value) => JSON.stringify(value));
  if (a !== b) throw new Wrong(`${what}: ${a}, not ${b}`);
}

function seed(tf) {
  const x = tf.ones([2, 3]);
  const tape = new tf.GradientTape();
  const z = tape.record(() => {
    tape.watch(x);
    return tf.square(tf.reduceSum(x));
  });
  return String(tape.gradient(z, x));
}
const SEED = 'tf.Tensor(\n[[12. 12. 12.]\n [12. 12. 12.]], shape=(2, 3), dtype=float32)';

// The sets that this CPU and system have, best first, as the system tells; undefined where it does not.
function isasOfCpu() {
  if (process.arch === 'arm64') return ['neon'];
  if (process.platform !== 'linux') return undefined;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))[1].trim().split(' '));
  const has = (...names) => names.every((name) => flags.has(name));
  const avx2 = has('avx2', 'fma');
  const avx512 = avx2 && has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl');
  return [avx512 && 'avx512', avx2 && 'avx2', 'sse2'].filter(Boolean);
}

const UNARY =
  'abs acos acosh asin asinh atan atanh ceil cos cosh digamma erf erfc exp expm1 floor lgamma log log1p neg reciprocal round rsqrt sigmoid sign sin sinh softplus sqrt square tan tanh';
const BINARY = 'add sub mul div maximum minimum atan2 floordiv floormod squaredDifference';
const REDUCTIONS = 'reduceSum reduceProd reduceMax reduceMean reduceLogsumexp reduceStd';
const words = (text) => text.split(' ');

/** What is hashed: of each result its name and how to compute it. Sizes have tails on every set. */
function results(tf, dtype) {
  tf.random.setSeed(7);
  const number = (value) => tf.constant(value, { dtype });
  const normal = (...shape) => tf.random.normal(shape, { dtype });
  const x = tf.mul(normal(20011), number(3));
  const y = tf.add(tf.abs(normal(20011)), number(0.1));
  const m = normal(211, 157);
  const images = normal(3, 17, 19, 13);
  const same = { strides: 1, padding: 'SAME' };
  const found = [];
  for (const op of words(UNARY)) {
    found.push([op, () => tf[op](/^(log|log1p|sqrt|rsqrt|acosh|lgamma|digamma)$/.test(op) ? y : x)]);
  }
  for (const op of ['sin', 'cos', 'tan']) found.push([`${op} huge`, () => tf[op](tf.mul(x, number(1e20)))]);
  for (const op of words(BINARY)) found.push([op, () => tf[op](x, y)]);
  for (const op of words(REDUCTIONS)) {
    for (const axis of [undefined, 0, 1]) found.push([`${op} ${axis ?? 'all'}`, () => tf[op](m, axis)]);
  }
  found.push(
    ['norm', () => tf.norm(m)],
    ['norm 1', () => tf.norm(m, 'euclidean', 1)],
    ['pow', () => tf.pow(y, x)],
    ['polygamma', () => tf.polygamma(number(2), y)],
    ['matmul', () => tf.matmul(m, normal(157, 133))],
    ['matvec', () => tf.matmul(m, normal(157, 1))],
    ['argmax', () => tf.argmax(m, 1)],
    ['softmax', () => tf.nn.softmax(m)],
    ['logSoftmax', () => tf.nn.logSoftmax(m)],
    ['cumsum', () => tf.cumsum(m, 1)],
    ['conv2d', () => tf.nn.conv2d(images, normal(3, 3, 13, 21), same)],
    ['depthwiseConv2d', () => tf.nn.depthwiseConv2d(images, normal(3, 3, 13, 1), same)],
    ['maxPool2d', () => tf.nn.maxPool2d(images, { ksize: 2, strides: 2, padding: 'SAME' })],
    ['uniform', () => tf.random.uniform([5000], { dtype })],
    ['normal', () => normal(5000)],
  );
  return found;
}

function hashes(tf, isa) {
  tf.config.isa = isa;
  tf.config.threads = 1;
  const found = {};
  for (const dtype of ['float32', 'float64']) {
    for (const [name, compute] of results(tf, dtype)) {
      const { buffer, byteOffset, byteLength } = compute().dataSync();
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      found[`${dtype} ${name}`] = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
    }
  }
  return found;
}

// Every set that this machine runs and the file knows: all names, and each hash.
function compare(tf, expected) {
  const known = tf.deviceInfo().isas.filter((isa) => expected[isa]);
  if (known.length === 0) throw new Wrong('test/golden/hashes.json knows no instruction set of this machine');
  let count = 0;
  for (const isa of known) {
    const found = hashes(tf, isa);
    same(`names of hashes on ${isa}`, Object.keys(found), Object.keys(expected[isa]));
    const wrong = Object.keys(found).filter((name) => found[name] !== expected[isa][name]);
    if (wrong.length > 0) throw new Wrong(`other bits on ${isa}: ${wrong.join(', ')}`);
    count += Object.keys(found).length;
  }
  return `${count} results have the bits of hashes.json on ${known.join(', ')}`;
}

// Larger than what a run on the event loop would be preferred for, and exact in float32.
async function offTheLoop(tf) {
  const x = tf.fill([512, 512], 2);
  return (await tf.reduceSum(tf.matmul(x, x)).data())[0];
}
const OFF_THE_LOOP = 512 * 512 * 512 * 4;

function inWorker(what) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: what });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Wrong('a worker thread ended without a word')));
  });
}

function load({ addon, folder }) {
  if (addon) process.env.GRADTAPE_ADDON = resolve(addon);
  return createRequire(join(resolve(folder), 'package.json'))('./dist/index.cjs');
}

async function test(addon, { hashes: golden, write, package: folder = root }) {
  const what = { addon, folder };
  const tf = load(what);
  const { isas } = tf.deviceInfo();
  if (write) {
    const all = JSON.parse(readFileSync(golden, 'utf8'));
    for (const isa of isas) all[isa] = hashes(tf, isa);
    writeFileSync(golden, `${JSON.stringify(all, null, 2)}\n`);
    return `wrote ${isas.join(', ')}`;
  }
  same('the README’s first example', seed(tf), SEED);
  const cpu = isasOfCpu();
  if (cpu) same('instruction sets', isas, cpu);
  const expected = JSON.parse(readFileSync(golden, 'utf8'));
  const compared = compare(tf, expected);
  tf.config.isa = isas[0];
  tf.config.threads = 2;
  same('a sum off the event loop', await offTheLoop(tf), OFF_THE_LOOP);
  const fromWorkers = await Promise.all([inWorker(what), inWorker(what)]);
  for (const answer of fromWorkers) same('a worker thread', answer, [SEED, OFF_THE_LOOP]);
  same('the example after the workers', seed(tf), SEED);
  const node = `Node ${process.version} ${process.platform}-${process.arch}`;
  return `${node}: ${cpu ? '' : 'instruction sets not compared with the system; '}${compared}; async and 2 workers right`;
}

if (isMainThread) {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        hashes: { type: 'string', default: join(root, 'test', 'golden', 'hashes.json') },
        package: { type: 'string' },
        write: { type: 'boolean', default: false },
      },
    });
    if (positionals.length !== (values.package ? 0 : 1)) {
      throw new Wrong('usage: node scripts/load-test.mjs ADDON | --package FOLDER [--hashes FILE] [--write]');
    }
    console.log(await test(positionals[0], values));
  } catch (error) {
    console.error(error instanceof Wrong ? error.message : error);
    process.exitCode = 1;
  }
} else {
  const tf = load(workerData);
  parentPort.postMessage([seed(tf), await offTheLoop(tf)]);
}
