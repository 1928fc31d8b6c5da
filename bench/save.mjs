// Where a run's figures go: a JSON file, the table and a chart beside it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chart } from './chart.mjs';
import { slug } from './machine.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A whole run goes to bench/results, a part to out/. */
function fileFor(result, { quick, only, cpu, peers, names, with: some, out }) {
  if (out) return out;
  if (quick || only || cpu || some) return join(root, 'out/bench.json');
  return join(root, `bench/results/${slug(result.machine)}${peers && names.length > 1 ? '-peers' : ''}.json`);
}

export async function save(result, lines, chosen, say) {
  const file = fileFor(result, chosen);
  mkdirSync(dirname(file), { recursive: true });
  // A line a list: readable, and small differences between two files stay small.
  const text = JSON.stringify(result, null, 1).replace(
    /\[\n\s+([^\]{}]*?)\n\s+\]/g,
    (_, list) => `[${list.replace(/\n\s+/g, ' ')}]`,
  );
  const beside = (extension) => `${file.replace(/\.json$/, '')}.${extension}`;
  const written = [file, beside('txt')];
  writeFileSync(file, `${text}\n`);
  writeFileSync(written[1], `${lines.join('\n')}\n`);
  try {
    const svg = await chart(result);
    if (svg) {
      written.push(beside('svg'));
      writeFileSync(beside('svg'), svg);
    }
  } catch (error) {
    say(`no chart: ${error.message.split('\n')[0]}`);
  }
  say(`written to ${written.map((one) => relative(process.cwd(), one)).join(', ')}`);
}
