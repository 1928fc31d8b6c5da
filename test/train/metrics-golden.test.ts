// Metrics beside Keras' (golden/metrics.json, made by make-metrics.py): the result after each of several batches, by options and dtype.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { readGolden } from '../support/files.js';

type Nest = number | 'nan' | readonly Nest[];
type DType = 'float32' | 'float64';
interface Case {
  readonly metric: string;
  readonly inputs: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Which tensor of a batch are the weights. */
  readonly weights: number | null;
  readonly float32: readonly Nest[];
  /** Missing where Keras takes no float64; then the numbers of float32 stand for them. */
  readonly float64?: readonly Nest[];
}
const golden = readGolden<{ inputs: Record<string, Nest[][]>; cases: Case[] }>('metrics.json');

interface Updated extends tf.metrics.Metric {
  update(...args: unknown[]): this;
}
type Class = new (options: object) => Updated;
const { Metric: _, MeanMetricWrapper: __, ConfusionMatrix: ___, ...classes } = tf.metrics;

function numbersOf(value: Nest): number[] {
  return [value].flat(Number.POSITIVE_INFINITY as 1).map((x) => (x === 'nan' ? Number.NaN : (x as number)));
}

function resultsOf(
  { metric, inputs, options, weights }: Case,
  dtype: DType,
  resultDType: DType,
): [Updated, tf.Tensor[]] {
  const m = new (classes[metric as keyof typeof classes] as unknown as Class)({ ...options, dtype: resultDType });
  const results = (golden.inputs[inputs] as Nest[][]).map((batch) => {
    const tensors = batch.map((x) => tf.constant(x as number[], { dtype }));
    const operands = tensors.slice(0, metric === 'Mean' || metric === 'Sum' ? 1 : 2);
    m.update(...operands, ...(weights === null ? [] : [{ sampleWeight: tensors[weights] }]));
    return m.result();
  });
  return [m, results];
}

describe.each(
  golden.cases.map(
    (one) => [`${one.metric} of ${one.inputs} ${JSON.stringify(one.options)} ${one.weights ?? ''}`, one] as const,
  ),
)('%s', (_name, one) => {
  it.each<[DType, DType, number]>([
    ['float32', 'float32', 3e-6],
    ['float64', 'float32', 3e-6],
    ['float64', 'float64', one.float64 ? 1e-13 : 1e-7],
  ])('of %s, as %s', (dtype, resultDType, tolerance) => {
    const [m, results] = resultsOf(one, dtype, resultDType);
    // Keras keeps the state of metrics that are no means in float32, whatever their dtype; and it rounds log(2).
    const most = 'total' in m && one.metric !== 'LogCoshError' ? tolerance : Math.max(tolerance, 1e-6);
    results.forEach((result, i) => {
      expect(result.dtype).toBe(resultDType);
      const want = numbersOf((one[resultDType] ?? one.float32)[i] as Nest);
      const got = [...result.dataSync()];
      expect(got.length).toBe(want.length);
      got.forEach((x, k) => {
        const w = want[k] as number;
        if (Number.isNaN(w)) expect(x).toBeNaN();
        else
          expect(Math.abs(x - w), `batch ${i}: ${x}, Keras has ${w}`).toBeLessThanOrEqual(
            most * Math.max(1, Math.abs(w)),
          );
      });
    });
    m.reset();
    for (const v of m.variables) expect([...v.dataSync()].every((x) => x === 0)).toBe(true);
  });
});

it('every metric of Keras has cases', () => {
  expect(golden.cases.length).toBeGreaterThan(100);
  const seen = new Set(golden.cases.map(({ metric }) => metric));
  expect(Object.keys(classes).filter((name) => !seen.has(name))).toEqual([]);
});
