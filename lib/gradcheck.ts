/**
 * gradcheck: compares gradients with central differences, in float64. The entry `gradtape/gradcheck` of the package.
 */
import { argument, callback, isA, type Kind, number, options, refused, thrownBy } from './base/arguments.js';
import { isFloating } from './base/dtype.js';
import { DTypeError, GradtapeError, show, ValueError } from './base/errors.js';
import { allocate } from './engine/memory.js';
import { bufferTensor, Tensor } from './engine/tensor.js';
import './methods.js';
import { asTensor } from './op/operands.js';
import { type TensorLike, Variable } from './op/variable.js';
import { cast, mul, reduceSum } from './ops/index.js';
import * as random from './ops/random/index.js';
import { densify } from './primitives/gather.js';
import { GradientTape } from './tape/gradient-tape.js';

export interface GradcheckOptions {
  /** The order of derivatives: 2 also checks the gradients of the gradients. Default 1. */
  order?: 1 | 2;
  /** The distance to both sides at which central differences evaluate f. Default 1e-5. */
  eps?: number;
  /** The largest error allowed, relative to max(1, |numeric|). Default 1e-6, for order 2 1e-5. */
  tol?: number;
}

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

function compare(f: Fn, inputs: readonly Tensor[], eps: number): GradcheckResult {
  const scalar = projected(f);
  const grads = gradientsOf(scalar, inputs).map((g) => g.dataSync());
  let maxError = 0;
  let worst: GradcheckResult['worst'] = { input: 0, index: 0, analytic: 0, numeric: 0 };
  inputs.forEach((x, input) => {
    const values = x.dataSync();
    const valueAt = (index: number, value: number): number => {
      const buffer = allocate('float64', x.size);
      buffer.elements.set(values);
      buffer.elements[index] = value;
      const moved = inputs.map((t, k) => (k === input ? bufferTensor(buffer, 'float64', x.shape) : t));
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
 * Compares the gradients of f at the inputs (cast to float64) with central differences, element by element.
 * @throws GradtapeError ERR_GRADCHECK, which names the worst element, if an error is above `tol`; ValueError,
 *   DTypeError for other mistakes
 */
export function gradcheck(f: Fn, inputs: readonly TensorLike[], opts?: GradcheckOptions): GradcheckResult {
  argument('gradcheck', 'f', callback, f);
  const list = isList(inputs) ? Array.from(inputs) : null;
  if (!list) throw new ValueError(`gradcheck: inputs must be an array, got ${show(inputs)}`, 'ERR_NOT_A_TENSOR');
  const { order = 1, eps = 1e-5, tol = order === 1 ? 1e-6 : 1e-5 } = options('gradcheck', gradcheckSpec, opts);
  const tensors = list.map((x, i) => cast(asTensor('gradcheck', x, undefined, `inputs[${i}]`), 'float64'));
  let result = compare(f, tensors, eps);
  if (order === 2) {
    const scalar = projected(f);
    tensors.forEach((_, k) => {
      const second = compare((...xs) => gradientsOf(scalar, xs)[k] as Tensor, tensors, eps);
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
