// The recorded errors of the approximate kernels (bench/results/*-ulp.json) against the bounds that are stated of them.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { read, root } from '../support/files.js';

interface Found {
  readonly ulp: number;
  readonly wrong: number;
  readonly of: number;
}
type Entry = { readonly float32: Found; readonly float64: Found };

const stated = [
  ...read(`native/kernels/accuracy.def`).matchAll(/^ACCURACY\((\w+), +([\d.]+), +([\d.]+), +([\d.]+), +([\d.]+)\)/gm),
].map(([, name, ...figures]) => ({ name: String(name), figures: figures.map(Number) }));

const files = readdirSync(`${root}/bench/results`).filter((name) => name.endsWith('-ulp.json'));

test.each(files)('%s: no wrong special value, within the stated bounds, and seen as stated', (file) => {
  const { functions } = JSON.parse(read(`bench/results/${file}`)) as {
    functions: Record<string, Entry>;
  };
  expect(Object.keys(functions).sort()).toEqual(stated.map(({ name }) => name).sort());
  const sampled = ['pow', 'atan2', 'polygamma', 'digamma'];
  for (const { name, figures } of stated) {
    const { float32, float64 } = functions[name] as Entry;
    const wrong = [
      float32.wrong,
      float64.wrong,
      float32.of >= (sampled.includes(name) ? 1e6 : 2 ** 32),
      float64.of >= 1e6,
    ];
    expect([name, ...wrong]).toEqual([name, 0, 0, true, true]);
    const [bound32 = 0, bound64 = 0, seen32 = 0, seen64 = 0] = figures;
    for (const [found, seen, bound] of [
      [float32.ulp, seen32, bound32],
      [float64.ulp, seen64, bound64],
    ] as const) {
      expect(found, name).toBeLessThanOrEqual(seen + 0.005);
      expect(seen, name).toBeLessThanOrEqual(bound);
    }
  }
});

test('there is a record', () => expect(files).not.toEqual([]));
