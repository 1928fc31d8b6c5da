/**
 * gradcheck: compares gradients with central differences and with forward mode, in float64. The entry `gradtape/gradcheck` of the package.
 */
import { argument, callback, isA, type Kind, number, options, refused, thrownBy } from './base/arguments.js';
import { isFloating } from './base/dtype.js';
import { DTypeError, GradtapeError, show, ValueError } from './base/errors.js';
import { allocate } from './engine/buffers.js';
import { bufferTensor, Tensor } from './engine/tensor.js';
import './methods.js';
import { asTensor } from './op/operands.js';
import { type TensorLike, Variable } from './op/variable.js';
import { cast, mul, reduceSum } from './ops/index.js';
import * as random from './ops/random/index.js';
import { densify } from './primitives/gather.js';
import { ForwardAccumulator } from './tape/forward-accumulator.js';
import { GradientTape } from './tape/gradient-tape.js';

/** The options of `gradcheck`. */
export interface GradcheckOptions {
  /** The order of derivatives: 2 also checks the gradients of the gradients. Default 1. */
  order?: 1 | 2;
  /** The distance to both sides at which central differences evaluate f. Default 1e-5. */
  eps?: number;
  /** The largest error allowed, relative to max(1, |numeric|). Default 1e-6, for order 2 1e-5. */
  tol?: number;
}

/** What `gradcheck` returns: the largest error, and where it is. */
export interface GradcheckResult {
  /** The largest error found, relative to max(1, |numeric|). */
  readonly maxError: number;
  /** The element with the largest error: which input, its row-major index, and both derivatives. */
  readonly worst: {
    readonly input: number;
    readonly index: number;
    readonly analytic: number;
    readonly numeric: number;
  };
}

const gradcheckSpec = {
  order: { expected: '1 or 2', read: (value) => (value === 1 || value === 2 ? value : refused) } as Kind<1 | 2>,
  eps: number('a finite number > 0', Number.MIN_VALUE, Number.MAX_VALUE),
  tol: number('a number >= 0', 0),
} as const;

function isList(value: unknown): value is readonly TensorLike[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

type Fn = (...inputs: Tensor[]) => Tensor;

function outputOf(f: Fn, inputs: Tensor[]): unknown {
  try {
    return f(...inputs);
  } catch (error) {
    throw thrownBy('gradcheck', f, error);
  }
}

/** The scalar sum(f(...) * w), w fixed random numbers from 0.5 to 1.5: its gradient depends on every output of f. */
function projected(f: Fn): Fn {
  return (...inputs) => {
    const value = outputOf(f, inputs);
    const y = isA(value, Variable) ? value.value() : value;
    if (!isA(y, Tensor)) throw new ValueError(`gradcheck: f must return a Tensor, got ${show(y)}`, 'ERR_NOT_A_TENSOR');
    if (!isFloating(y.dtype)) {
      throw new DTypeError(`gradcheck: f must return a tensor of float32 or float64, got ${y.dtype}`);
    }
    return reduceSum(
      mul(y, cast(random.uniform(y.shape, { dtype: 'float64', seed: 1, minval: 0.5, maxval: 1.5 }), y.dtype)),
    );
  };
}

function gradientsOf(f: Fn, inputs: readonly Tensor[]): Tensor[] {
  const tape = new GradientTape();
  const y = tape.record(() => {
    tape.watch(inputs);
    return f(...inputs);
  });
  const grads = tape.gradient(y, inputs, { unconnectedGradients: 'zero' });
  return grads.map((g) => densify(g as Tensor));
}

/** The derivative of a scalar function along tangents of its inputs, by forward mode. */
function derivativeAlong(scalar: Fn, inputs: readonly Tensor[], tangents: readonly Tensor[]): number {
  const accumulator = new ForwardAccumulator(inputs, tangents);
  const y = accumulator.record(() => scalar(...inputs));
  return accumulator.jvp(y, { unconnectedGradients: 'zero' }).item();
}

/** The tensor of the shape of x with these elements. */
function withElements(x: Tensor, elements: (index: number) => number): Tensor {
  const buffer = allocate('float64', x.size);
  for (let i = 0; i < x.size; i++) buffer.elements[i] = elements(i);
  return bufferTensor(buffer, 'float64', x.shape);
}

// What is infinite or NaN in both does not differ: of it, central differences have to judge.
const differs = (a: number, b: number, tol: number): boolean =>
  !Object.is(a, b) && !(Math.abs(a - b) <= tol * Math.max(1, Math.abs(b)));

/**
 * Compares forward mode with the gradients: along a tangent that is random everywhere, and where that differs, element by
 * element.
 * @throws GradtapeError ERR_GRADCHECK
 */
function compareForward(scalar: Fn, inputs: readonly Tensor[], grads: readonly NumberList[], tol: number): void {
  const tangents = inputs.map((x, k) =>
    random.uniform(x.shape, { dtype: 'float64', seed: 2 + k, minval: -1, maxval: 1 }),
  );
  const along = derivativeAlong(scalar, inputs, tangents);
  let expected = 0;
  let scale = 1;
  tangents.forEach((t, k) => {
    t.dataSync().forEach((v, i) => {
      const term = v * (grads[k]?.[i] as number);
      expected += term;
      scale += Math.abs(term);
    });
  });
  if (Object.is(along, expected) || Math.abs(along - expected) <= tol * scale) return;
  inputs.forEach((x, input) => {
    for (let index = 0; index < x.size; index++) {
      const one = inputs.map((t, k) => withElements(t, (i) => (k === input && i === index ? 1 : 0)));
      const forward = derivativeAlong(scalar, inputs, one);
      const reverse = grads[input]?.[index] as number;
      if (differs(forward, reverse, tol)) throw disagreement(`input ${input}, element ${index}`, forward, reverse);
    }
  });
  throw disagreement('along a random tangent', along, expected);
}

type NumberList = ArrayLike<number>;

function disagreement(where: string, forward: number, reverse: number): GradtapeError {
  return new GradtapeError(
    'ERR_GRADCHECK',
    `gradcheck: ${where}: forward mode gives ${forward}, the gradient is ${reverse}`,
  );
}

function compare(f: Fn, inputs: readonly Tensor[], eps: number, tol: number): GradcheckResult {
  const scalar = projected(f);
  const grads = gradientsOf(scalar, inputs).map((g) => g.dataSync());
  compareForward(scalar, inputs, grads, tol);
  let maxError = 0;
  let worst: GradcheckResult['worst'] = { input: 0, index: 0, analytic: 0, numeric: 0 };
  inputs.forEach((x, input) => {
    const values = x.dataSync();
    const valueAt = (index: number, value: number): number => {
      const changed = withElements(x, (i) => (i === index ? value : (values[i] as number)));
      const moved = inputs.map((t, k) => (k === input ? changed : t));
      return scalar(...moved).item();
    };
    for (let index = 0; index < x.size; index++) {
      const at = values[index] as number;
      const numeric = (valueAt(index, at + eps) - valueAt(index, at - eps)) / (2 * eps);
      const analytic = grads[input]?.[index] as number;
      const error = Math.abs(analytic - numeric) / Math.max(1, Math.abs(numeric));
      if (!(error <= maxError)) {
        maxError = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
        worst = { input, index, analytic, numeric };
      }
    }
  });
  return { maxError, worst };
}

/**
 * Compares the gradients of f at the inputs (cast to float64) with central differences, element by element, and with forward
 * mode.
 * @throws GradtapeError ERR_GRADCHECK, which names the worst element, if an error is above `tol`; ValueError,
 *   DTypeError for other mistakes
 */
export function gradcheck(f: Fn, inputs: readonly TensorLike[], opts?: GradcheckOptions): GradcheckResult {
  argument('gradcheck', 'f', callback, f);
  const list = isList(inputs) ? Array.from(inputs) : null;
  if (!list) throw new ValueError(`gradcheck: inputs must be an array, got ${show(inputs)}`, 'ERR_NOT_A_TENSOR');
  const { order = 1, eps = 1e-5, tol = order === 1 ? 1e-6 : 1e-5 } = options('gradcheck', gradcheckSpec, opts);
  const tensors = list.map((x, i) => cast(asTensor('gradcheck', x, undefined, `inputs[${i}]`), 'float64'));
  let result = compare(f, tensors, eps, tol);
  if (order === 2) {
    const scalar = projected(f);
    tensors.forEach((_, k) => {
      const second = compare((...xs) => gradientsOf(scalar, xs)[k] as Tensor, tensors, eps, tol);
      if (second.maxError > result.maxError) result = second;
    });
  }
  if (!(result.maxError <= tol)) {
    const { input, index, analytic, numeric } = result.worst;
    throw new GradtapeError(
      'ERR_GRADCHECK',
      `gradcheck: input ${input}, element ${index}: the gradient is ${analytic}, central differences give ${numeric} ` +
        `(relative error ${result.maxError}, allowed ${tol})`,
    );
  }
  return result;
}
