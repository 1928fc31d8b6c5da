// The largest error of every approximate kernel, over all 2^32 floats: `npm run bench:ulp`. See usage below.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const usage = `node bench/ulp.mjs [options]
  --only <names>     only these functions, by commas
  --samples <n>      how many doubles, and pairs of two-argument functions (default 8000000)
  --parts <n>        cuts the floats of a function into so many runs (default 1)
  --seconds <n>      starts no run after so many seconds; the same command with the same --out goes on from there
  --out <file>       where the JSON goes (default bench/results/<date>-<cpu>-ulp.json); what it has is kept
A sample of the floats, without a file: build/ulp-bench --step 997`;

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'build/ulp-bench');

function options() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      samples: { type: 'string', default: '8000000' },
      parts: { type: 'string', default: '1' },
      seconds: { type: 'string', default: 'Infinity' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, only: values.only?.split(','), parts: Number(values.parts), seconds: Number(values.seconds) };
}

/** The functions of accuracy.def. */
function names() {
  const text = readFileSync(join(root, 'native/kernels/accuracy.def'), 'utf8');
  return [...text.matchAll(/^ACCURACY\((\w+),/gm)].map(([, name]) => name);
}

/** What one run of the program found: an object for each dtype. */
function found(name, part, parts, samples) {
  const args = ['--only', name, '--part', `${part}/${parts}`, '--samples', samples, '--json', '1'];
  const { status, stdout, error } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error || status > 1 || status === null) throw new Error(`${name}: ${error?.message ?? `exit code ${status}`}`);
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** The worse of two runs over different operands, and the sum of what they tried. */
function merged(a, b) {
  if (!a) return b;
  const worse = b.ulp > a.ulp ? b : a;
  const sum = (key) => Math.round((a[key] + b[key]) * 10) / 10;
  return { ...worse, wrong: sum('wrong'), of: sum('of'), seconds: sum('seconds') };
}

const chosen = options();
if (chosen.help) {
  console.log(usage);
} else {
  const here = machine(await openGradtape());
  const file = chosen.out ?? join(root, `bench/results/${slug(here)}-ulp.json`);
  const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { machine: here, functions: {} };
  const write = () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  };
  const start = performance.now();
  for (const name of names().filter((one) => chosen.only?.includes(one) ?? true)) {
    const { commit, dirty, isa } = here;
    let entry = result.functions[name];
    if (entry?.commit !== commit || entry.isa !== isa || dirty) entry = { commit, dirty, isa, parts: 0 };
    result.functions[name] = entry;
    while (entry.parts < chosen.parts && performance.now() - start < chosen.seconds * 1e3) {
      for (const { name: _, dtype, ...one } of found(name, entry.parts, chosen.parts, chosen.samples)) {
        entry[dtype] = merged(entry[dtype], one);
      }
      entry.parts += 1;
      write();
    }
    if (entry.parts < chosen.parts) continue;
    const say = (dtype) => `${dtype} ${entry[dtype].ulp} ULP, ${entry[dtype].wrong} wrong of ${entry[dtype].of}`;
    console.log(`bench: ${name}: ${say('float32')}; ${say('float64')}`);
  }
  console.log(`bench: written to ${relative(process.cwd(), file)}`);
}
