// Does laziness show? Programs that carry state in tensors (carried/programs.mjs), as written beside themselves with `evaluate` in
// the best places: time and CPU of a step in the steady state, plans made there, and memory. Each side is a process of its own;
// they take turns. `node bench/carried.mjs [--only REGEX] [--quick] [--most RATIO] [--out FILE]`
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { programs } from './carried/programs.mjs';
import { median } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const here = fileURLToPath(import.meta.url);
const kSettling = 200; // steps

async function side(name, evaluate) {
  const tf = await openGradtape(1);
  const step = programs[name](tf, evaluate);
  const begun = performance.now();
  let looked = 0;
  for (let k = 0; k < kSettling; k++) looked += step();
  const first = (performance.now() - begun) / kSettling;
  process.send({ first, looked });
  let steps = Math.max(1, Math.ceil(40 / first));
  process.on('message', () => {
    const { plans } = tf.memory();
    const wall = performance.now();
    const cpu = process.cpuUsage();
    for (let k = 0; k < steps; k++) step();
    const ms = performance.now() - wall;
    const { user, system } = process.cpuUsage(cpu);
    const sample = { ms: ms / steps, cpu: (user + system) / 1000 / steps, plans: (tf.memory().plans - plans) / steps };
    steps = Math.max(1, Math.ceil((steps * 40) / ms));
    process.send({ ...sample, peakMB: process.resourceUsage().maxRSS / 1024 });
  });
}

async function heard(child) {
  const done = new AbortController();
  const [answer] = await Promise.race(['message', 'exit'].map((event) => once(child, event, done)));
  done.abort();
  if (typeof answer !== 'object' || answer === null) throw new Error(`a side ended with ${answer}`);
  return answer;
}

async function compare(name, rounds) {
  const sides = [];
  for (const way of ['as-written', 'evaluate']) {
    const child = fork(here, ['--side', name, way]);
    sides.push({ child, ...(await heard(child)), samples: [] });
  }
  const [written, asked] = sides;
  if (written.looked !== asked.looked)
    throw new Error(`${name}: ${written.looked} as written, ${asked.looked} with evaluate`);
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 ? [asked, written] : sides) {
      one.child.send('sample');
      one.samples.push(await heard(one.child));
    }
  }
  const figure = ({ samples }, key) => median(samples.map((sample) => sample[key]));
  const result = {};
  for (const [way, one] of [
    ['written', written],
    ['evaluate', asked],
  ]) {
    one.child.kill();
    result[way] = {
      ms: figure(one, 'ms'),
      cpu: figure(one, 'cpu'),
      first: one.first,
      peakMB: one.samples.at(-1).peakMB,
    };
    result[way].plans = one.samples.slice(-5).reduce((sum, { plans }) => sum + plans, 0) / 5;
  }
  return { ratio: result.written.cpu / result.evaluate.cpu, ...result };
}

const { values: options } = parseArgs({
  allowPositionals: true,
  options: {
    side: { type: 'string' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean' },
    most: { type: 'string' },
    out: { type: 'string' },
  },
});
if (options.side) await side(options.side, process.argv.at(-1) === 'evaluate');
else {
  const results = {};
  let worst = 0;
  console.log(`${'CPU a step'.padEnd(30)} ratio   as written  evaluate   first steps  plans a step  peak MB`);
  for (const name of Object.keys(programs).filter((one) => new RegExp(options.only).test(one))) {
    const { ratio, written, evaluate } = await compare(name, options.quick ? 5 : 25);
    results[name] = { ratio, written, evaluate };
    worst = Math.max(worst, ratio);
    console.log(
      `${name.padEnd(30)} ${ratio.toFixed(2).padStart(5)} ${written.cpu.toFixed(3).padStart(9)} ms ${evaluate.cpu.toFixed(3).padStart(6)} ms ` +
        `${(written.first / evaluate.first).toFixed(2).padStart(11)}x ${written.plans.toFixed(3).padStart(8)} ${evaluate.plans.toFixed(3)} ` +
        `${written.peakMB.toFixed(0).padStart(6)} ${evaluate.peakMB.toFixed(0)}`,
    );
  }
  const about = machine(await openGradtape(1));
  const text = JSON.stringify(
    { machine: about, unit: 'CPU ms a step; ratio: as written / with evaluate', results },
    null,
    1,
  );
  if (options.out || !(options.quick || options.only)) {
    writeFileSync(
      options.out ?? fileURLToPath(new URL(`results/${slug(about)}-carried.json`, import.meta.url)),
      `${text}\n`,
    );
  }
  if (options.most && worst > Number(options.most)) process.exitCode = 1;
}
