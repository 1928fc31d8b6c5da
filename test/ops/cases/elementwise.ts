// Elementwise ops that other ops or the kernel `special` compute.
import * as tf from 'gradtape';
import { casesOf, noGradient, type Sampling, withKinks } from '../op-cases.js';

type Fn = (...operands: tf.Tensor[]) => tf.Tensor;
const { nn, bitwise } = tf;

// Not of nothing, which random programs would take for their operands; golden/families/elementwise.json has that.
const shapes: Readonly<Record<number, readonly (readonly (readonly number[])[])[]>> = {
  1: [[[2, 3]], [[]]],
  2: [
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 1],
      [1, 3],
    ],
    [[], [2, 3]],
    [[2, 3], []],
  ],
  3: [
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    [[3], [2, 1], []],
  ],
};
function elementwise(op: Fn, arity: number, sampling: Sampling = {}): void {
  casesOf(
    op,
    (shapes[arity] ?? []).map((s) => ({ shapes: s, call: (...xs: tf.Tensor[]) => op(...xs) })),
    sampling,
  );
}

const away = { avoid: [0] } as const;
elementwise(tf.divideNoNan as Fn, 2, {
  domain: [
    [-2, 2],
    [0.5, 2],
  ],
});
elementwise(tf.multiplyNoNan as Fn, 2, away);
for (const op of [tf.xlogy, tf.xlog1py, tf.xdivy]) {
  elementwise(op as Fn, 2, {
    domain: [
      [0.3, 2],
      [0.4, 3],
    ],
  });
}
// It jumps where x / y is whole; these intervals have no such point.
elementwise(tf.truncatemod as Fn, 2, {
  domain: [
    [0.1, 0.9],
    [1, 2],
  ],
});
noGradient(tf.truncatediv, tf.rint, ...Object.values(bitwise));
// Central differences do not see that it is one step from x: the points are too far from each other.
elementwise(tf.nextafter as Fn, 2);
casesOf(tf.addN, [
  { shapes: [[2], [2], [2]], call: (...xs) => tf.addN(xs) },
  { shapes: [[], [], []], call: (...xs) => tf.addN(xs) },
]);

for (const op of [nn.softsign, tf.logSigmoid, nn.mish]) elementwise(op as Fn, 1, away);
for (const op of [nn.hardSigmoid, nn.hardSwish]) elementwise(op as Fn, 1, { domain: [-5, 5], avoid: [-3, 3] });
casesOf(
  nn.celu,
  [
    { shapes: [[2, 3]], call: (x) => nn.celu(x) },
    { shapes: [[3]], call: (x) => nn.celu(x, 0.7) },
  ],
  away,
);
casesOf(nn.glu, [
  { shapes: [[2, 4]], call: (x) => nn.glu(x) },
  { shapes: [[4, 3]], call: (x) => nn.glu(x, 0) },
]);
elementwise(nn.prelu as Fn, 2, away);

for (const op of [tf.erfinv, tf.ndtri]) elementwise(op as Fn, 1, { domain: [0.1, 0.9] });
for (const op of [tf.dawsn, tf.fresnelCos, tf.fresnelSin]) elementwise(op as Fn, 1);
for (const op of [tf.besselI0, tf.besselI0e, tf.besselI1, tf.besselI1e, tf.besselJ0, tf.besselJ1]) {
  elementwise(op as Fn, 1, { domain: [-6, 6], avoid: [0] });
}
for (const op of [
  tf.expint,
  tf.spence,
  tf.besselK0,
  tf.besselK0e,
  tf.besselK1,
  tf.besselK1e,
  tf.besselY0,
  tf.besselY1,
]) {
  elementwise(op as Fn, 1, { domain: [0.4, 5], avoid: [1] });
}
for (const op of [tf.igamma, tf.igammac]) {
  elementwise(op as Fn, 2, {
    domain: [
      [0.5, 4],
      [0.3, 6],
    ],
  });
}
// No gradient with respect to the others, as in TensorFlow.
casesOf(tf.zeta, [{ shapes: [[2, 3]], call: (q) => tf.zeta(2.5, q) }], { domain: [0.6, 4] });
casesOf(tf.betainc, [{ shapes: [[2, 3]], call: (x) => tf.betainc(1.5, 2.5, x) }], { domain: [0.1, 0.9] });
casesOf(
  tf.lbeta,
  [
    { shapes: [[2, 3]], call: (x) => tf.lbeta(x) },
    { shapes: [[3]], call: (x) => tf.lbeta(x) },
  ],
  {
    domain: [0.4, 4],
  },
);

withKinks(tf.maximum, tf.minimum);
