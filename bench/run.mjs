// The benchmark suite: `npm run bench`, or `node bench/run.mjs --peers` against every opponent. See usage below.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { groups } from './cases/all.mjs';
import { cpuShare, efforts, LocalSide, measure, useCpuClock } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';
import { Child, everyone, install, open, versionOf } from './opponents.mjs';
import { judge, record, Table } from './report.mjs';

const usage = `node bench/run.mjs [options]
  --only <regex>   only the cases whose id or name matches
  --quick          a few short samples: to see that it works, not how fast
  --peers          beside every opponent, each in a process of its own (slow)
  --threads <n>    threads that gradtape may use (default 1)
  --cpu            CPU time instead of the time that passes: on a busy machine, with one thread
  --check          exit code 1 if a floor of bench/baseline.json is not met
  --out <file>     where the JSON goes (default bench/results; out/bench.json for a part, --quick or --cpu)
  --list           the ids of the cases`;

const root = fileURLToPath(new URL('..', import.meta.url));
const say = (line) => console.log(`bench: ${line}`);

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      threads: { type: 'string', default: '1' },
      cpu: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const threads = Number(values.threads);
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`--threads ${values.threads}: expected an integer >= 1`);
  return { ...values, only: values.only === undefined ? null : new RegExp(values.only), threads };
}

/** The opponents, by name: a way to make a side, or null where the library has none. */
async function opponents({ peers, threads, cpu }) {
  const found = {};
  for (const name of install(peers ? everyone : ['deepbox'], say)) {
    try {
      if (peers) {
        const child = await new Child(name, threads, cpu).ready;
        found[name] = { sideOf: (id) => (child.ids.has(id) ? child.side(id) : null), end: () => child.end() };
      } else {
        const { sides } = await open(name);
        found[name] = {
          sideOf: (id) => (sides[id] && !slow.test(id) ? new LocalSide(sides[id]) : null),
          end: () => {},
        };
      }
    } catch (error) {
      say(`skipped ${name}: ${error.message.split('\n')[0]}`);
    }
  }
  return found;
}

// Where an opponent takes seconds a step: only with --peers.
const slow = /1e7|^matmul-(?!64$)|^mlp-/;

async function timed(tf, test, others, effort) {
  const sides = { gradtape: new LocalSide(() => test.make(tf)) };
  for (const [name, { sideOf }] of Object.entries(others)) {
    const side = sideOf(test.id);
    if (side) sides[name] = side;
  }
  const { gradtape, ...peers } = await measure(test, sides, effort);
  const recorded = ({ times, failure }) => (failure ? { unit: test.unit, failure } : record(test, times));
  return {
    ours: recorded(gradtape),
    peers: Object.fromEntries(Object.entries(peers).map(([name, outcome]) => [name, recorded(outcome)])),
  };
}

async function grown(test, { quick, threads, peers }, others) {
  const steps = quick ? test.steps / 20 : test.steps;
  const measureIn = async (library) => {
    const child = new Child(library, threads);
    try {
      await child.ready;
      if (library !== 'gradtape' && !child.ids.has(test.of)) return null;
      const { growth, peak } = await child.growth(test.of, steps);
      return { ...record(test, [growth]), peak: Math.round(peak), steps };
    } catch (error) {
      return { unit: test.unit, failure: error.message };
    } finally {
      child.end();
    }
  };
  const found = {};
  // An opponent's thousand steps would take minutes.
  if (peers && test.of === 'seed-gradient') {
    for (const name of Object.keys(others)) {
      const outcome = await measureIn(name);
      if (outcome) found[name] = outcome;
    }
  }
  return { ours: await measureIn('gradtape'), peers: found };
}

function save(chosen, result) {
  const whole = !chosen.quick && !chosen.only && !chosen.cpu;
  const name = `${slug(result.machine)}${chosen.peers ? '-peers' : ''}${chosen.threads > 1 ? `-${chosen.threads}t` : ''}`;
  const file = chosen.out ?? join(root, whole ? `bench/results/${name}.json` : 'out/bench.json');
  mkdirSync(dirname(file), { recursive: true });
  // A line a case: readable, and small differences between two files stay small.
  const text = JSON.stringify(result, null, 1).replace(
    /\[\n\s+([^\]{}]*?)\n\s+\]/g,
    (_, list) => `[${list.replace(/\n\s+/g, ' ')}]`,
  );
  writeFileSync(file, `${text}\n`);
  say(`written to ${relative(process.cwd(), file)}`);
}

async function main() {
  const chosen = options();
  if (chosen.help) return console.log(usage);
  const picked = groups
    .map(({ title, cases }) => ({
      title,
      cases: cases.filter(({ id, name }) => !chosen.only || chosen.only.test(id) || chosen.only.test(name)),
    }))
    .filter(({ cases }) => cases.length > 0);
  if (chosen.list) return console.log(picked.flatMap(({ cases }) => cases.map(({ id }) => id)).join('\n'));

  if (chosen.cpu) useCpuClock();
  const tf = await openGradtape(chosen.threads);
  const about = machine(tf);
  const others = await opponents(chosen);
  const names = Object.keys(others);
  const versions = Object.fromEntries(names.map((name) => [name, versionOf(name)]));
  say(
    `gradtape ${about.gradtape} (${about.commit}${about.dirty ? ', changed' : ''}) on ${about.cpu}, ${about.isa}, ${about.threads} thread(s), Node ${about.node}`,
  );
  say(
    `beside ${names.map((name) => `${name} ${versions[name]}`).join(', ') || 'nothing'}; load ${about.load} on ${about.cores} cores`,
  );
  if (about.load > about.cores / 4) say('other programs are running: these figures are worse than the machine');

  const baseline = JSON.parse(readFileSync(new URL('baseline.json', import.meta.url), 'utf8')).cases;
  const table = new Table(names, console.log);
  const effort = chosen.quick ? efforts.quick : efforts.full;
  const results = {};
  let missed = 0;
  for (const { title, cases } of picked) {
    table.heading(title);
    for (const test of cases) {
      const { ours, peers } = test.of ? await grown(test, chosen, others) : await timed(tf, test, others, effort);
      const bars = baseline[test.id] ?? {};
      const [floor, aim] = [bars.floor, bars.aim].map((bar) =>
        bar && !ours.failure ? judge(bar, test.unit, ours.median, peers) : null,
      );
      if (ours.failure || floor?.met === false) missed++;
      results[test.id] = { name: test.name, gradtape: ours, ...peers, floor, aim };
      table.row(test, ours, peers, floor, aim);
    }
  }
  for (const { end } of Object.values(others)) end();
  console.log('');
  const share = cpuShare();
  if (share !== null && share < 0.95)
    say(`it had a CPU ${Math.round(share * 100)} % of the time: the rest was waiting, and is in the figures`);
  save(chosen, {
    machine: { ...about, cpuShare: share },
    clock: chosen.cpu ? 'cpu' : 'wall',
    quick: chosen.quick,
    peers: versions,
    cases: results,
  });
  say(missed === 0 ? 'every floor is met' : `${missed} floor(s) not met`);
  if (chosen.check && missed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.code === 'ERR_MODULE_NOT_FOUND' ? 'build first: npm run build' : error.message}`);
  process.exitCode = 1;
}
