// The benchmark suite: `npm run bench`, or `npm run bench:peers` beside every opponent. See usage below.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { caseOf, groups } from './cases/all.mjs';
import { cpuShare, efforts, LocalSide, measure, useCpuClock } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { machine } from './machine.mjs';
import { everyone, hint, installNode, knows, open, started } from './opponents.mjs';
import { Remote } from './remote.mjs';
import { judge, record, Table } from './report.mjs';
import { save } from './save.mjs';

const usage = `node bench/run.mjs [options]
  --only <regex>    only the cases whose id or name matches
  --quick           a few short samples: to see that it works, not how fast
  --peers           beside every opponent, each in a process of its own (slow)
  --with <names>    beside these opponents only, by commas; they are
                    ${everyone.slice(0, 7).join(' ')}
                    ${everyone.slice(7).join(' ')}
  --threads <n,n>   so many threads, one run after the other (default 1; with --peers 1,2)
  --cpu             CPU time instead of the time that passes: on a busy machine, with one thread
  --check           exit code 1 if a floor of bench/baseline.json is not met
  --out <file>      where the JSON goes (default bench/results; out/bench.json for a part, --quick or --cpu)
  --list            the ids of the cases`;

const say = (line) => console.log(`bench: ${line}`);

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      with: { type: 'string' },
      threads: { type: 'string' },
      cpu: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const names = values.with?.split(',') ?? (values.peers ? everyone : ['deepbox']);
  const unknown = names.filter((name) => !everyone.includes(name));
  if (unknown.length > 0) throw new Error(`--with ${unknown}: expected some of ${everyone.join(', ')}`);
  const peers = values.peers || values.with !== undefined;
  const threads = (values.threads ?? (values.peers ? '1,2' : '1')).split(',').map(Number);
  if (!threads.every((n) => Number.isInteger(n) && n >= 1)) throw new Error('--threads: expected integers >= 1');
  return { ...values, names, peers, threads, only: values.only && new RegExp(values.only) };
}

// Where an opponent takes seconds a step: only with --peers.
const slow = /1e7|^matmul-(?!64$)|^mlp-(?!small)/;

/** An opponent in a process of its own, or (the quick one of a plain run) in this one; `side` of a case may be null. */
async function opponent(name, threads, { peers, cpu }) {
  if (peers) return await new Remote(...started(name, threads, cpu ? 'cpu' : 'wall')).ready;
  const { version, kinds } = await open(name, threads);
  const side = ({ id, kind, given }) =>
    kinds[kind] && !slow.test(id) ? new LocalSide(() => kinds[kind](given ?? {})) : null;
  return { version, side, end: () => {} };
}

async function opponents(chosen, threads) {
  const found = {};
  for (const name of chosen.names.filter((one) => knows(one, threads))) {
    try {
      found[name] = await opponent(name, threads, chosen);
    } catch (error) {
      say(`skipped ${name}: ${error.message.split('\n')[0]}. To install it: ${hint(name)}`);
    }
  }
  return found;
}

async function timed(tf, test, others, effort) {
  const sides = { gradtape: new LocalSide(() => test.make(tf)) };
  for (const [name, library] of Object.entries(others)) {
    const side = library.side(test);
    if (side) sides[name] = side;
  }
  const outcomes = await measure(test, sides, effort);
  return Object.fromEntries(
    Object.entries(outcomes).map(([name, { times, failure }]) => [
      name,
      failure ? { unit: test.unit, failure } : record(test, times),
    ]),
  );
}

/** Memory of a loop of `test.of`, each library in a new process; of the opponents only where that says something. */
async function grown(test, { quick, peers }, threads, others) {
  const steps = quick ? test.steps / 20 : test.steps;
  const of = caseOf(test.of);
  const names = Object.keys(others).filter((name) => peers && test.beside && others[name].kinds.has(of.kind));
  const found = {};
  for (const name of ['gradtape', ...names]) {
    const library = new Remote(...started(name, threads, 'wall'));
    try {
      await library.ready;
      const outcome = await library.memory(of, steps, quick ? 3 : 30);
      found[name] = { ...record(test, [outcome[test.figure]]), steps: outcome.steps };
    } catch (error) {
      found[name] = { unit: test.unit, failure: error.message };
    } finally {
      library.end();
    }
  }
  return found;
}

/** Runs the cases with so many threads; fills `results` by id, an id with more than one thread ends in `@n`. */
async function runWith(tf, threads, chosen, baseline, results, print) {
  tf.config.threads = threads;
  const others = await opponents(chosen, threads);
  const names = Object.keys(others);
  const versions = Object.fromEntries(names.map((name) => [name, others[name].version]));
  print(
    `bench: ${threads} thread(s), beside ${names.map((name) => `${name} ${versions[name]}`.trim()).join(', ') || 'nothing'}`,
  );
  const table = new Table(names, print);
  const effort = chosen.quick ? efforts.quick : efforts.full;
  let missed = 0;
  for (const { title, cases } of groups) {
    const picked = cases.filter(
      ({ id, name, parallel }) =>
        (threads === 1 || parallel) && (!chosen.only || chosen.only.test(id) || chosen.only.test(name)),
    );
    if (picked.length > 0) table.heading(title);
    for (const test of picked) {
      const id = threads === 1 ? test.id : `${test.id}@${threads}`;
      const { gradtape: ours, ...peers } = test.of
        ? await grown(test, chosen, threads, others)
        : await timed(tf, test, others, effort);
      const [floor, aim] = ['floor', 'aim'].map((bar) =>
        ours.failure ? null : judge(baseline[id]?.[bar], test.unit, ours.median, peers),
      );
      if (ours.failure || floor?.met === false) missed++;
      results[id] = { name: test.name, group: title, threads, gradtape: ours, ...peers, floor, aim };
      table.row(test, ours, peers, floor, aim);
    }
  }
  for (const library of Object.values(others)) library.end();
  print('');
  return { versions, missed };
}

async function main() {
  const chosen = options();
  if (chosen.help) return console.log(usage);
  if (chosen.list) return console.log(groups.flatMap(({ cases }) => cases.map(({ id }) => id)).join('\n'));

  if (chosen.cpu) useCpuClock();
  const tf = await openGradtape(1);
  const about = machine(tf);
  say(
    `gradtape ${about.gradtape} (${about.commit}${about.dirty ? ', changed' : ''}) on ${about.cpu}, ${about.isa}, Node ${about.node}; load ${about.load} on ${about.cores} cores`,
  );
  if (about.load > about.cores / 4) say('other programs are running: these figures are worse than the machine');
  installNode(chosen.names, say);
  const baseline = JSON.parse(readFileSync(new URL('baseline.json', import.meta.url), 'utf8')).cases;
  const cases = {};
  const lines = [];
  const print = (line) => {
    lines.push(line);
    console.log(line);
  };
  const versions = {};
  let missed = 0;
  for (const threads of chosen.threads) {
    const outcome = await runWith(tf, threads, chosen, baseline, cases, print);
    Object.assign(versions, outcome.versions);
    missed += outcome.missed;
  }
  const share = cpuShare();
  if (share !== null && share < 0.95)
    say(`it had a CPU ${Math.round(share * 100)} % of the time: the rest was waiting, and is in the figures`);
  const result = {
    machine: { ...about, cpuShare: share },
    clock: chosen.cpu ? 'cpu' : 'wall',
    quick: chosen.quick,
    peers: versions,
    cases,
  };
  await save(result, lines, chosen, say);
  say(missed === 0 ? 'every floor is met' : `${missed} floor(s) not met`);
  if (chosen.check && missed > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.code === 'ERR_MODULE_NOT_FOUND' ? 'build first: npm run build' : error.message}`);
  process.exitCode = 1;
}
