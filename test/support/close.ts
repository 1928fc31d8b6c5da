// Comparing numbers that may differ in their last digits.
import { expect } from 'vitest';

const flat = (x: unknown): unknown[] => (Array.isArray(x) ? x.flatMap(flat) : [x]);
const nesting = (x: unknown): unknown => (Array.isArray(x) ? x.map(nesting) : 0);

/** Nested numbers are equal to a tolerance, relative above 1; infinities, NaN and null exactly. */
export function expectClose(got: unknown, want: unknown, tolerance = 1e-5): void {
  expect(nesting(got)).toEqual(nesting(want));
  const values = flat(got);
  flat(want).forEach((w, i) => {
    const v = values[i];
    if (typeof w !== 'number' || !Number.isFinite(w)) expect(v).toEqual(w);
    else if (!(Math.abs((v as number) - w) <= tolerance * Math.max(1, Math.abs(w)))) {
      expect.fail(`element ${i} is ${v}, not ${w} to ${tolerance}`);
    }
  });
}
