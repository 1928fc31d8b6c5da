// Derivatives of derivatives: a tape inside a tape, as deep as you like. Here to find a minimum by Newton's method.
import * as tf from 'gradtape';

const f = (x) => tf.expr`${x}**4 - 3*${x}**3 + 2`;

function derivatives(x) {
  const outer = new tf.GradientTape();
  const first = outer.record(() => {
    const inner = new tf.GradientTape();
    const y = inner.record(() => f(x));
    return inner.gradient(y, x);
  });
  return { first, second: outer.gradient(first, x) };
}

const x = new tf.Variable(3.0, { dtype: 'float64' });
for (let step = 1; step <= 6; step++) {
  const { first, second } = derivatives(x);
  x.assignSub(first.div(second));
  console.log(`step ${step}: x = ${x.value().item().toFixed(12)}`);
}

const { first, second } = derivatives(x);
console.log(`f'(x) = ${first.item().toExponential(1)}, f''(x) = ${second.item().toFixed(6)}: a minimum at x = 9/4`);
