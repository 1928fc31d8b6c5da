// Tangents and Jacobians of every op with config.eager and with config.checkNumerics: the bits are those without.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { hiddenCases, type OpCases, opCases, type SampleCase, sample } from '../ops/op-cases.js';
import { numbers } from '../support/numbers.js';
import { restoreSettings, settings } from '../support/settings.js';

type Call = SampleCase['call'];
type Transformation = (call: Call, xs: tf.Tensor[], tangents: tf.Tensor[]) => (tf.Tensor | null)[];

restoreSettings();

/** The Jacobian with respect to each operand. */
function jacobians(call: Call, xs: tf.Tensor[]): (tf.Tensor | null)[] {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(xs);
    return call(...xs);
  });
  return tape.jacobian(y, xs, { unconnectedGradients: 'zero' });
}

const curved =
  (call: Call): Call =>
  (...xs) =>
    tf.sin(call(...xs.map((x) => tf.add(x, tf.square(tf.sub(x, tf.stopGradient(x)))))));

/** The Jacobian of the sum with respect to one operand. */
const gradient = (call: Call, xs: tf.Tensor[], k: number): tf.Tensor =>
  jacobians((...ts) => tf.reduceSum(call(...ts)), xs)[k] as tf.Tensor;

/** Forward mode and Jacobians, alone and one within the other. */
const transformations: Readonly<Record<string, Transformation>> = {
  jvp: (call, xs, tangents) => [tf.jvp(call, xs, tangents).tangent],
  hvp: (call, xs, tangents) => tf.hvp((...ts: tf.Tensor[]) => tf.reduceSum(call(...ts)), xs, tangents).hvp,
  jacobian: (call, xs) => jacobians(call, xs),
  'jacobian of jvp': (call, xs, tangents) => jacobians((...ts) => tf.jvp(call, ts, tangents).tangent, xs),
  'jacobian of gradient': (call, xs) => xs.flatMap((_, k) => jacobians((...ts) => gradient(call, ts, k), xs)),
};

const every = [...opCases, ...hiddenCases].flatMap(([name, op]): { name: string; op: OpCases }[] =>
  op ? [{ name, op }] : [],
);

describe('tangents and Jacobians of every op are the same with config.eager and with config.checkNumerics', () => {
  it.each(every)('$name', ({ name, op }) => {
    const next = numbers(name.length * 389 + name.charCodeAt(0));
    for (const [i, { shapes, call }] of op.cases.entries()) {
      const xs = shapes.map((shape, k) => sample(op, shape, k, next));
      if (xs.length === 0) continue;
      const tangents = xs.map((x, k) => tf.random.uniform(x.shape, { dtype: 'float64', seed: k, minval: -1 }));
      for (const [what, transform] of Object.entries(transformations)) {
        const found = (setting?: 'eager' | 'checkNumerics'): unknown => {
          const { prepareStackTrace } = Error;
          Error.prepareStackTrace = () => ''; // checkNumerics asks where each op was called; vitest's answer takes most of the time
          Object.assign(tf.config, settings, setting && { [setting]: true });
          try {
            return transform(curved(call), xs, tangents).map((t) => t && [t.shape, Array.from(t.dataSync())]);
          } catch (error) {
            if (!setting) throw error;
            return error;
          } finally {
            Object.assign(tf.config, settings);
            Error.prepareStackTrace = prepareStackTrace;
          }
        };
        const want = found();
        for (const setting of ['eager', 'checkNumerics'] as const) {
          expect(found(setting), `${name}, case ${i}: ${what} with ${setting}`).toEqual(want);
        }
      }
    }
  });
});

it('Jacobians of Jacobians of what follows an outer product', () => {
  const x = tf.constant([0.5, -1, 2], { dtype: 'float64' });
  const outer = (t: tf.Tensor): tf.Tensor => tf.linalg.outer(t, tf.square(t));
  const followers = {
    bandPart: (m: tf.Tensor) => tf.linalg.bandPart(m, 0, 1),
    trace: (m: tf.Tensor) => tf.linalg.trace(m),
  };
  for (const [name, follow] of Object.entries(followers)) {
    const second = (): unknown =>
      tf
        .jacobian(tf.jacobian((t: tf.Tensor) => tf.reduceSum(tf.sin(follow(outer(t))))))(x)
        .arraySync();
    const want = second();
    for (const setting of ['eager', 'checkNumerics'] as const) {
      Object.assign(tf.config, settings, { [setting]: true });
      expect(second(), `${name} with ${setting}`).toEqual(want);
    }
    Object.assign(tf.config, settings);
  }
});
