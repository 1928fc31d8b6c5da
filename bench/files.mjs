// Large files: how long loadSafetensors takes for one of 1 GB, and how much memory, beside fs.readFile of it; and what saving it takes.
// Each load is a process of its own, the sides take turns, and the file is in the cache of the system. `node bench/files.mjs [--mb 1024]
// [--rounds 7] [--check] [--out FILE]`; with --check exit code 1 says that an aim is missed.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const kTimeAim = 1.3; // of readFile
const kMemoryAim = 1.1; // of the file
const MB = 2 ** 20;
const { values: options } = parseArgs({
  options: {
    mb: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '7' },
    check: { type: 'boolean' },
    out: { type: 'string' },
    load: { type: 'string' },
    file: { type: 'string' },
  },
});

/** The peak of this process alone; the system's own figure begins with that of the process that started it. */
function peakBytes() {
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : '';
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS) * 1024;
}

/** What a process for one side does: loads the file, and tells the time and the growth of its peak. */
const loads = {
  readFile: async (_, file) => {
    const { readFile } = await import('node:fs');
    return new Promise((resolve, reject) => readFile(file, (error, bytes) => (error ? reject(error) : resolve(bytes))));
  },
  loadSafetensors: (tf, file) => tf.loadSafetensors(file),
  'loadSafetensors, one of 16 tensors': (tf, file) => tf.loadSafetensors(file, { keys: ['layers.7'] }),
};

async function side(name, file) {
  const tf = await openGradtape();
  const before = peakBytes();
  const start = performance.now();
  const loaded = await loads[name](tf, file);
  const ms = performance.now() - start;
  if (!loaded) throw new Error('nothing was loaded');
  console.log(JSON.stringify({ ms, bytes: peakBytes() - before }));
}

function measured(name, file) {
  const given = [fileURLToPath(import.meta.url), '--load', name, '--file', file];
  const { status, stdout, stderr } = spawnSync(process.execPath, given, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

async function main() {
  const tf = await openGradtape();
  const file = join(tmpdir(), `gradtape-bench-${process.pid}.safetensors`);
  const bytes = Number(options.mb) * MB;
  try {
    const layers = Array.from({ length: 16 }, (_, seed) => tf.random.normal([bytes / 64], { seed }));
    tf.evaluate(layers);
    const start = performance.now();
    await tf.saveSafetensors(file, { layers });
    const saveMs = performance.now() - start;
    readFileSync(file); // into the cache
    const samples = Object.fromEntries(Object.keys(loads).map((name) => [name, []]));
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const name of Object.keys(loads)) samples[name].push(measured(name, file));
    }
    report(tf, bytes, saveMs, samples);
  } finally {
    rmSync(file, { force: true });
  }
}

function report(tf, bytes, saveMs, samples) {
  const of = (name, key) => median(samples[name].map((sample) => sample[key]));
  const results = { MB: bytes / MB, saveMs };
  for (const name of Object.keys(samples)) {
    const timeRatio = of(name, 'ms') / of('readFile', 'ms');
    const memoryRatio = of(name, 'bytes') / bytes;
    results[name] = { ms: of(name, 'ms'), timeRatio, memoryRatio };
    console.log(
      `${name.padEnd(36)} ${of(name, 'ms').toFixed(0).padStart(6)} ms ${timeRatio.toFixed(2)} of readFile, memory ${memoryRatio.toFixed(3)} of the file`,
    );
  }
  console.log(`${'saveSafetensors, flushed to the disk'.padEnd(36)} ${saveMs.toFixed(0).padStart(6)} ms`);
  if (options.out !== undefined) {
    const about = machine(tf);
    const path = options.out || fileURLToPath(new URL(`results/${slug(about)}-files.json`, import.meta.url));
    writeFileSync(path, `${JSON.stringify({ machine: about, results, samples }, null, 1)}\n`);
  }
  const { timeRatio, memoryRatio } = results.loadSafetensors;
  if (options.check && (timeRatio > kTimeAim || memoryRatio > kMemoryAim)) {
    console.error(`bench: the aims are ${kTimeAim} of readFile and ${kMemoryAim} of the file`);
    process.exitCode = 1;
  }
}

if (options.load) await side(options.load, options.file);
else await main();
