// Two builds of gradtape against each other, taking turns, each in a process of its own: what a change costs. See usage below.
// (Not in one process: objects made alike share V8's hidden classes. The exports of the build that was loaded second, whose getters
// are not those that these classes know, became a dictionary, and everything took up to twice as long.)
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { groups } from './cases/all.mjs';
import { efforts, measure, median } from './harness.mjs';
import { entryOf, openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';
import { started } from './opponents.mjs';
import { Remote } from './remote.mjs';
import { record } from './report.mjs';

const usage = `node bench/compare.mjs --before <checkout> [options]
  --before <checkout>  a checkout of an earlier commit, built (npm run build there)
  --only <regex>       only the cases whose id matches (default: tapes, the fused chain, training steps)
  --threads <n>        default 1
  --passes <n>         the cases are gone through so often, each time in new processes, and the median of the passes counts (default
                       3): where V8 puts code and objects differs from process to process
  --cpu                CPU time instead of the time that passes: on a busy machine, with one thread
  --most <ratio>       exit code 1 if a case takes more than so many times as long (say 1.03)
  --out <file>         where the JSON goes (default bench/results/<date>-<cpu>-compare.json)`;

const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    only: { type: 'string', default: '^(seed-|chain|add-item|fused-gradient-1e6|mlp-(sgd|adam))' },
    threads: { type: 'string', default: '1' },
    passes: { type: 'string', default: '3' },
    cpu: { type: 'boolean', default: false },
    most: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || !values.before) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}
const checkouts = { after: fileURLToPath(new URL('..', import.meta.url)), before: resolve(values.before) };
if (!existsSync(entryOf(checkouts.before)))
  throw new Error(`--before ${values.before}: it has no ${entryOf('')}; build it (npm run build)`);

const threads = Number(values.threads);
const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], {
  cwd: values.before,
  encoding: 'utf8',
}).trim();
const only = new RegExp(values.only);
const cases = groups.flatMap((group) => group.cases).filter(({ id, make }) => make && only.test(id));

const passes = new Map(cases.map(({ id }) => [id, []]));
for (let pass = 0; pass < Number(values.passes); pass++) {
  // Who is started, warmed and measured first changes from pass to pass.
  const order = pass % 2 === 0 ? ['after', 'before'] : ['before', 'after'];
  const processes = {};
  for (const name of order) {
    const [command, variables] = started('gradtape', threads, values.cpu ? 'cpu' : 'wall');
    processes[name] = await new Remote([...command, checkouts[name]], variables).ready;
  }
  for (const test of cases) {
    const sides = Object.fromEntries(order.map((name) => [name, processes[name].sideOf(test)]));
    passes.get(test.id).push(await measure(test, sides, efforts.full));
  }
  for (const name of order) processes[name].end();
}

const results = {};
let worst = 0;
for (const test of cases) {
  const outcomes = passes.get(test.id);
  const failure = outcomes.flatMap(({ after: a, before: b }) => a.failure ?? b.failure ?? [])[0];
  if (failure) {
    results[test.id] = { failure };
    console.log(`${test.id.padEnd(22)} ${failure}`);
    worst = Number.POSITIVE_INFINITY;
    continue;
  }
  const ratios = outcomes.map(({ after: a, before: b }) => Number((median(a.times) / median(b.times)).toFixed(3)));
  const ratio = median(ratios);
  worst = Math.max(worst, ratio);
  const all = (side) =>
    record(
      test,
      outcomes.flatMap((outcome) => outcome[side].times),
    );
  results[test.id] = { ratio, ratios, after: all('after'), before: all('before') };
  const { unit, median: now } = results[test.id].after;
  console.log(
    `${test.id.padEnd(22)} ${ratio.toFixed(3)}  (${ratios.join(' ')})  ${now} ${unit}, before ${results[test.id].before.median}`,
  );
}

const about = { ...machine(await openGradtape(threads)), before: commit };
const file = values.out ?? fileURLToPath(new URL(`results/${slug(about)}-compare.json`, import.meta.url));
mkdirSync(dirname(file), { recursive: true });
const text = JSON.stringify({ machine: about, time: 'of after as a share of before', results }, null, 1);
writeFileSync(file, `${text.replace(/\[\n\s+([^\]{}]*?)\n\s+\]/g, (_, list) => `[${list.replace(/\n\s+/g, ' ')}]`)}\n`);
console.log(`written to ${relative(process.cwd(), file)}; load ${about.load}`);
if (values.most && worst > Number(values.most)) process.exitCode = 1;
