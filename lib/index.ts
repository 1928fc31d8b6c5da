/** gradtape: what `import * as tf from 'gradtape'` gives. */

import { mapNested } from './base/nested.js';
import { evaluateTensors, evaluateTensorsAsync } from './engine/evaluate.js';
import { Tensor as Node } from './engine/tensor.js';
import { asTensor } from './op/op.js';
import type * as arithmetic from './ops/arithmetic.js';
import type * as indexing from './ops/indexing.js';
import type * as linalg from './ops/linalg.js';
import type * as math from './ops/math.js';
import * as nn from './ops/nn.js';
import type * as reduce from './ops/reduce.js';
import type * as structure from './ops/structure.js';
import type * as windows from './ops/windows.js';
import { isVariable } from './record/variable.js';

export type { DType, TypedArray } from './base/dtype.js';
export { DTypeError, type ErrorCode, GradtapeError, ShapeError, TapeError, ValueError } from './base/errors.js';
export type { Nested } from './base/nested.js';
export { type Config, config, type DeviceInfo, deviceInfo } from './engine/config.js';
export type { ConstantOptions } from './engine/constant.js';
export { clearMemory, type MemoryInfo, memory } from './engine/usage.js';
export { expr } from './expr/expr.js';
export {
  add,
  clipByValue,
  div,
  equal,
  floordiv,
  floormod,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  squaredDifference,
  sub,
  where,
} from './ops/arithmetic.js';
export * from './ops/creation.js';
export { IndexedSlices } from './ops/indexed-slices.js';
export { booleanMask, convertToTensor, gather, gatherNd, oneHot, scatterNd } from './ops/indexing.js';
export { matmul, norm } from './ops/linalg.js';
export * from './ops/math.js';
export * as random from './ops/random-namespace.js';
export {
  argmax,
  argmin,
  reduceAll,
  reduceAny,
  reduceLogsumexp,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceStd,
  reduceVariance,
} from './ops/reduce.js';
export {
  broadcastTo,
  cast,
  expandDims,
  identity,
  onesLike,
  reduceSum,
  reshape,
  squeeze,
  stopGradient,
  transpose,
  zerosLike,
} from './ops/structure.js';
export { at, concat, pad, reverse, slice, split, stack, stridedSlice, tile, unstack } from './ops/windows.js';
export type { NestedArray } from './record/read.js';
export { type TensorLike, Variable, type VariableOptions, variable } from './record/variable.js';
export {
  type CustomGradientResult,
  type CustomGradients,
  customGradient,
  type GradFnArgument,
  gradPassThrough,
  recomputeGrad,
} from './tape/custom-gradient.js';
export {
  type GradientOptions,
  GradientTape,
  type GradientTapeOptions,
  type UnconnectedGradients,
} from './tape/gradient-tape.js';
export type { Leaf, Mapped, MustBeATensorOrVariable, Sources } from './tape/sources.js';
export { trainableVariables } from './tape/trainable-variables.js';
export * as initializers from './train/initializers.js';
export * as losses from './train/losses.js';
export * as optimizers from './train/optimizers.js';
export { nn };

export type Tensor = Node;
/** The class of tensors. `constant()` and ops make them; `new` does not. */
export const Tensor: abstract new (...args: never) => Tensor = Node;

function tensorsIn(values: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  mapNested('evaluate', values, (value, path) => {
    if (isVariable(value)) tensors.push(value.peek());
    else if (value !== null && value !== undefined)
      tensors.push(asTensor('evaluate', value as never, undefined, `values${path}`));
  });
  return tensors;
}

/** Computes tensors and variables (also nested in arrays and objects) in one go. */
export function evaluate(...values: readonly unknown[]): void {
  evaluateTensors(tensorsIn(values));
}

/** The same on another thread. */
export async function evaluateAsync(...values: readonly unknown[]): Promise<void> {
  await evaluateTensorsAsync(tensorsIn(values));
}

/** A signature without its first argument. Where a pattern finds no overload of a function, it is of `unknown`. */
type Rest<A extends unknown[], R> = unknown[] extends A ? unknown : (...rest: A) => R;
/** A function of a tensor as a method: up to four overloads, each without the first argument. */
type Tail<F> = F extends {
  (x: never, ...rest: infer A1): infer R1;
  (x: never, ...rest: infer A2): infer R2;
  (x: never, ...rest: infer A3): infer R3;
  (x: never, ...rest: infer A4): infer R4;
}
  ? Rest<A1, R1> & Rest<A2, R2> & Rest<A3, R3> & Rest<A4, R4>
  : F extends {
        (x: never, ...rest: infer A1): infer R1;
        (x: never, ...rest: infer A2): infer R2;
        (x: never, ...rest: infer A3): infer R3;
      }
    ? Rest<A1, R1> & Rest<A2, R2> & Rest<A3, R3>
    : F extends { (x: never, ...rest: infer A1): infer R1; (x: never, ...rest: infer A2): infer R2 }
      ? Rest<A1, R1> & Rest<A2, R2>
      : F extends (x: never, ...rest: infer A) => infer R
        ? (...rest: A) => R
        : never;
type Methods<M, Skip = never> = {
  [K in Exclude<keyof M, Skip> as M[K] extends (...args: never[]) => unknown ? K : never]: Tail<M[K]>;
};
type NotMethods = 'concat' | 'stack' | 'scatterNd' | 'convertToTensor';

/** Every op whose first argument is a tensor, as a method. */
export interface TensorMethods
  extends Methods<typeof arithmetic, 'relu'>,
    Methods<typeof math>,
    Methods<typeof reduce, 'rootAtZero'>,
    Methods<
      typeof structure,
      | 'reshapeTo'
      | 'spread'
      | 'sumTo'
      | 'zeroOf'
      | 'reducedShape'
      | 'reduceNodes'
      | 'reduceArguments'
      | 'connect'
      | 'linked'
    >,
    Methods<typeof windows, NotMethods>,
    Methods<typeof indexing, NotMethods>,
    Methods<typeof linalg>,
    Methods<typeof nn> {}

declare module './engine/tensor.js' {
  interface Tensor extends TensorMethods {}
}
declare module './record/variable.js' {
  interface Variable extends TensorMethods {}
}
