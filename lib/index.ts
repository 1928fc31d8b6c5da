/** gradtape: what `import * as tf from 'gradtape'` gives. */
import { Tensor } from './engine/tensor.js';
import './methods.js';

export type { DType, TypedArray } from './base/dtype.js';
export { DTypeError, type ErrorCode, GradtapeError, ShapeError, TapeError, ValueError } from './base/errors.js';
export type { Nested } from './base/nested.js';
export type { Lengths, Shape, WholeVector } from './base/shape.js';
export type { AsyncOptions, Signal, TellingSignal } from './base/signal.js';
export * as data from './data/index.js';
export { type Config, config, type DeviceInfo, deviceInfo } from './engine/config.js';
export type { AnyTypedArray, ConstantOptions } from './engine/constant.js';
export { clearMemory, type MemoryInfo, memory } from './engine/usage.js';
export { type ExprHole, expr } from './expr/expr.js';
export {
  type Explanation,
  type ExplanationCode,
  type Profile,
  type ProfileRow,
  profile,
} from './inspect/index.js';
export type { TensorMethods } from './methods.js';
export * from './op/evaluate.js';
export type { IndexEntry } from './op/ranges.js';
export type { NestedArray } from './op/read.js';
export type { Leaf, Mapped, MustBeATensorOrVariable, Sources } from './op/sources.js';
export { type TensorLike, Variable, type VariableOptions, variable } from './op/variable.js';
export * as bitwise from './ops/bitwise/index.js';
export * as image from './ops/image/index.js';
export * from './ops/index.js';
export * as linalg from './ops/linalg/index.js';
export * as nn from './ops/nn/index.js';
export * as random from './ops/random/index.js';
export type { TensorScatter } from './ops/tensor-scatter.js';
export * from './persist/index.js';
export type { Fn1, Fn2, Fn3 } from './primitives/family.js';
export { IndexedSlices } from './primitives/gather.js';
export type { BadIndicesPolicy } from './primitives/index-vectors.js';
export {
  type CustomGradientResult,
  type CustomGradients,
  customGradient,
  type GradFnArgument,
  gradPassThrough,
  recomputeGrad,
} from './tape/custom-gradient.js';
export { ForwardAccumulator, type JvpOptions } from './tape/forward-accumulator.js';
export {
  grad,
  type Hvp,
  hessian,
  hvp,
  type Jvp,
  jacobian,
  jvp,
  type ValueAndGrad,
  type Vjp,
  valueAndGrad,
  vjp,
} from './tape/functions.js';
export {
  type GradientOptions,
  GradientTape,
  type GradientTapeOptions,
} from './tape/gradient-tape.js';
export type { JacobianOptions } from './tape/jacobian.js';
export type { UnconnectedGradients } from './tape/leaves.js';
export { summary } from './tape/summary.js';
export { trainableVariables } from './tape/trainable-variables.js';
export * as initializers from './train/initializers.js';
export * as losses from './train/losses/index.js';
export * as metrics from './train/metrics/index.js';
export * as optimizers from './train/optimizers/index.js';

type TensorClass = Tensor;
/**
 * The class of tensors. `constant()` and ops make them; `new` does not.
 * @class
 */
const TensorClass: abstract new (...args: never) => Tensor = Tensor;

// Under another name here, so that in the one scope of dist the class itself keeps its name.
export { TensorClass as Tensor };
