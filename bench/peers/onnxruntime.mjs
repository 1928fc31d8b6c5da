// onnxruntime, which has kernels and no tape: its gradients and its training step are graphs derived by hand (models/make.py).
// It computes on a thread of its own, so each step waits.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { convolution } from '../cases/convolution.mjs';
import { adamRate, layers, network, some, uniform } from '../inputs.mjs';

const folder = fileURLToPath(new URL('models/build/', import.meta.url));

const size = (shape) => shape.reduce((a, b) => a * b, 1);

/** A step of a graph whose inputs stay the same. */
function running(session, feeds, look) {
  const step = () => session.run(feeds);
  return { async: true, step, check: async () => look(await step()) };
}

/** NHWC to NCHW, onnxruntime's only layout; or any other order of the axes. */
function transposed({ data, shape }, order) {
  const strides = shape.map((_, i) => size(shape.slice(i + 1)));
  const to = order.map((axis) => shape[axis]);
  const out = new Float32Array(data.length);
  const index = to.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    out[i] = data[index.reduce((sum, at, k) => sum + at * strides[order[k]], 0)];
    for (let k = to.length - 1; k >= 0 && ++index[k] === to[k]; k--) index[k] = 0;
  }
  return { data: out, shape: to };
}

export async function open(_library, threads) {
  if (!existsSync(folder)) throw new Error('its models are not made');
  // By name, so that nothing of the project asks for a package that only this folder installs.
  const name = 'onnxruntime-node';
  const { default: ort } = await import(name);
  const session = (model) =>
    ort.InferenceSession.create(`${folder}${model}.onnx`, { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const tensor = ({ data, shape }) => new ort.Tensor('float32', data, shape);
  const vector = (n, seed) => tensor({ data: uniform(n, seed), shape: [n] });
  const square = (n, seed) => tensor({ data: uniform(n * n, seed), shape: [n, n] });

  async function elementwise({ op, n }) {
    const feeds = op === 'add' ? { x: vector(n, 1), y: vector(n, 2) } : { x: vector(n, 1) };
    return running(await session(`elementwise-${op}`), feeds, ({ z }) => (op === 'sum' ? [z.data[0]] : some(z.data)));
  }

  async function rows({ op, size }) {
    return running(await session(`rows-${op}`), { x: square(size, 1) }, ({ z }) => some(Array.from(z.data, Number)));
  }

  async function fused({ n, gradient }) {
    const feeds = { x: vector(n, 1), w: vector(n, 2), b: vector(n, 3) };
    return running(await session(gradient ? 'fused-gradient' : 'fused'), feeds, ({ y, dx, dw, db }) =>
      gradient ? [y.data[0] / n, ...[dx, dw, db].flatMap((t) => some(t.data))] : [y.data[0]],
    );
  }

  async function matmul({ n, dtype, transposeA, transposeB }) {
    if (dtype !== 'float32') return null;
    const model = `matmul-${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`;
    return running(await session(model), { a: square(n, 1), b: square(n, 2) }, ({ c }) => some(c.data));
  }

  async function conv({ part, ...given }) {
    if (part !== 'forward') return null;
    const { x, filter } = convolution(given);
    const feeds = { x: tensor(transposed(x, [0, 3, 1, 2])), w: tensor(transposed(filter, [3, 2, 0, 1])) };
    const look = ({ y }) => some(transposed({ data: y.data, shape: y.dims }, [0, 2, 3, 1]).data);
    return running(await session('conv'), feeds, look);
  }

  async function train({ optimizer, size }) {
    if (size) return null; // its graph is of the large network
    const { weights, x, labels } = network();
    const hot = { data: new Float32Array(labels.length * layers.at(-1)), shape: [labels.length, layers.at(-1)] };
    for (let i = 0; i < labels.length; i++) hot.data[i * layers.at(-1) + labels[i]] = 1;
    let state = {};
    weights.forEach((parameter, i) => {
      const called = `${i % 2 ? 'b' : 'w'}${i >> 1}`;
      state[called] = tensor(parameter);
      if (optimizer === 'sgd') return;
      for (const moment of ['m', 'v']) {
        state[`${moment}_${called}`] = tensor({
          data: new Float32Array(parameter.data.length),
          shape: parameter.shape,
        });
      }
    });
    const fixed = { x: tensor(x), hot: tensor(hot) };
    const graph = await session(`train-${optimizer}`);
    let steps = 0;
    const step = async () => {
      steps++;
      const corrected = (adamRate * Math.sqrt(1 - 0.999 ** steps)) / (1 - 0.9 ** steps);
      const rate = optimizer === 'adam' ? { rate: tensor({ data: Float32Array.of(corrected), shape: [] }) } : {};
      const { loss, ...next } = await graph.run({ ...fixed, ...state, ...rate });
      state = Object.fromEntries(Object.entries(next).map(([key, t]) => [key.replace('next_', ''), t]));
      return loss.data[0];
    };
    return { async: true, step, check: async () => [await step(), await step(), await step()] };
  }

  return { elementwise, rows, fused, matmul, conv, train };
}
