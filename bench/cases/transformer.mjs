// What a transformer is made of: attention, the products in it, layer normalization; with gradients.
import { some, uniform } from '../inputs.mjs';

export const title = 'Parts of a transformer, float32';

const product = (shape) => shape.reduce((a, b) => a * b, 1);

function tensors(tf, shape, count) {
  return Array.from({ length: count }, (_, k) => tf.constant(uniform(product(shape), k + 1), { shape }));
}

/** The value of f at the sources and its gradients, of a given output gradient. */
function valueAndGradients(tf, f, sources, gradient) {
  const step = () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(sources);
      return f(...sources);
    });
    const all = [y, ...tape.gradient(y, sources, { outputGradients: gradient })];
    tf.evaluate(all);
    return all;
  };
  return { step, check: () => step().flatMap((t) => some(t.dataSync())) };
}

function attention(tf, { shape, causal, gradient }) {
  const [q, k, v, ct] = tensors(tf, shape, 4);
  const f = (...operands) => tf.nn.scaledDotProductAttention(...operands, { isCausal: causal });
  if (gradient) return valueAndGradients(tf, f, [q, k, v], ct);
  const step = () => {
    const y = f(q, k, v);
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(step().dataSync()) };
}

function layerNormalization(tf, { shape }) {
  const [x, ct] = tensors(tf, shape, 2);
  const [gamma, beta] = tensors(tf, shape.slice(-1), 2);
  const f = (...operands) => tf.nn.layerNormalization(...operands);
  return valueAndGradients(tf, f, [x, gamma, beta], ct);
}

/** q k^T of every batch and head, written as einsum or as matmul: these two are each other's opponents. */
function weights(tf, { shape, form }) {
  const [q, k] = tensors(tf, shape, 2);
  const f = form === 'einsum' ? () => tf.einsum('bhqd,bhkd->bhqk', q, k) : () => tf.matmul(q, k, { transposeB: true });
  const step = () => {
    const y = f();
    tf.evaluate(y);
    return y;
  };
  return { step, check: () => some(step().dataSync()) };
}

const heads = [8, 8, 512, 64];
const attentions = [
  { id: 'attention', name: 'forward', causal: false, gradient: false },
  { id: 'attention-gradient', name: 'forward and gradients', causal: false, gradient: true },
  { id: 'attention-causal', name: 'causal, forward', causal: true, gradient: false },
  { id: 'attention-causal-gradient', name: 'causal, forward and gradients', causal: true, gradient: true },
].map(({ id, name, ...given }) => ({
  id,
  name: `attention ${heads.join(' x ')}, ${name}`,
  unit: 'ms',
  rtol: 1e-4,
  parallel: true,
  kind: 'attention',
  given: { shape: heads, ...given },
  make: (tf) => attention(tf, { shape: heads, ...given }),
}));

const shorter = [8, 8, 128, 64];
const products = ['einsum', 'matmul'].map((form) => ({
  id: `weights-${form}`,
  name: `q k^T of ${shorter.join(' x ')}, by ${form}`,
  unit: 'GFLOP/s',
  count: 2 * product(shorter) * shorter[2],
  rtol: 2e-5,
  parallel: true,
  kind: 'weights',
  given: { shape: shorter, form },
  make: (tf) => weights(tf, { shape: shorter, form }),
}));

const rows = { shape: [4096, 768] };

export const cases = [
  ...attentions,
  ...products,
  {
    id: 'layer-normalization',
    name: `layer normalization ${rows.shape.join(' x ')}, forward and gradients`,
    unit: 'ms',
    rtol: 1e-4,
    parallel: true,
    kind: 'layer-normalization',
    given: rows,
    make: (tf) => layerNormalization(tf, rows),
  },
];
