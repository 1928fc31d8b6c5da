/**
 * The methods of tensors and variables: every op of `tf` and `tf.nn` whose first argument is a tensor; and assignments of
 * variables that compute the new value from the old one.
 */
import { anything, isA, options, refuseExtra } from './base/arguments.js';
import { isFloating } from './base/dtype.js';
import { GradtapeError, inTheNameOf, named, ShapeError, show } from './base/errors.js';
import { sameShape, shapeOf, showShape, sizeOf } from './base/shape.js';
import { Tensor, uniformTensor } from './engine/tensor.js';
import { asIndices } from './op/operands.js';
import { registry } from './op/registry.js';
import { isVariable, notAVariable, type TensorLike, Variable } from './op/variable.js';
import * as ops from './ops/methods.js';
import * as nn from './ops/nn/methods.js';
import { tensorScatter, type UpdateIndex, updatedAt } from './ops/tensor-scatter.js';
import { add, div, sub } from './primitives/arithmetic.js';
import { truncatediv } from './primitives/cut.js';
import { placesOfEqual } from './primitives/equal-rows.js';
import { gatherRows, IndexedSlices, type Rows } from './primitives/gather.js';
import { reshapeTo } from './primitives/movement.js';
import { type Combination, scatterInto } from './primitives/scatter-into.js';
import { unheard } from './record/stack.js';

/**
 * A signature without its first argument. (Where a function has fewer overloads than a pattern below, TypeScript infers
 * `unknown[]`.)
 */
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
type Methods<M> = {
  [K in keyof M as M[K] extends (...args: never[]) => unknown ? K : never]: Tail<M[K]>;
};

/** Ops that take a nest, too, as methods: of one tensor. (Inferred, their types would be circular.) */
interface MethodsOfOne {
  clipByNorm(clipNorm: TensorLike, opts?: ops.ClipByNormOptions): Tensor;
  clipByValue(low: TensorLike, high: TensorLike): Tensor;
}

/** Every op whose first argument is a tensor, as a method. */
export interface TensorMethods
  extends MethodsOfOne,
    Methods<Omit<typeof ops, keyof MethodsOfOne>>,
    Methods<typeof nn> {}

declare module './engine/tensor.js' {
  interface Tensor extends TensorMethods {}
}
declare module './op/variable.js' {
  interface Variable extends TensorMethods {
    /** Adds x to the value. Gradients do not flow through an assignment. */
    assignAdd(x: TensorLike): this;
    /** Subtracts x from the value. Gradients do not flow through an assignment. */
    assignSub(x: TensorLike): this;
    /**
     * Replaces the part that `index` takes, as `updateAt` does: v.assignAt(['1:3', -1], x), v.assignAt(mask, 0). No
     * gradients flow through this and the following.
     */
    assignAt(index: UpdateIndex, values: TensorLike): this;
    /** Replaces rows of axis 0 by the values of the slices; of a row that comes twice the last value stays. */
    scatterUpdate(slices: IndexedSlices): this;
    /** Adds the slices to the value. */
    scatterAdd(slices: IndexedSlices): this;
    /** Subtracts the slices from the value. */
    scatterSub(slices: IndexedSlices): this;
    /** Takes the larger of the value and each of the slices. */
    scatterMax(slices: IndexedSlices): this;
    /** Takes the smaller of the value and each of the slices. */
    scatterMin(slices: IndexedSlices): this;
    /** Multiplies the value by the slices. */
    scatterMul(slices: IndexedSlices): this;
    /** Divides the value by the slices; integers are cut towards zero. */
    scatterDiv(slices: IndexedSlices): this;
    /**
     * Replaces elements (or slices) of axis k: values [b1, ..., bk, n, ...] at indices [b1, ..., bk, n], where the variable
     * has the shape [b1, ..., bk, length, ...]. With a vector of indices it is `scatterUpdate`.
     */
    batchScatterUpdate(slices: IndexedSlices | { values: TensorLike; indices: TensorLike }): this;
    /** As `tensorScatterNdUpdate`. */
    scatterNdUpdate(indices: TensorLike, updates: TensorLike): this;
    /** As `tensorScatterNdAdd`. */
    scatterNdAdd(indices: TensorLike, updates: TensorLike): this;
    /** As `tensorScatterNdSub`. */
    scatterNdSub(indices: TensorLike, updates: TensorLike): this;
    /** As `tensorScatterNdMax`. */
    scatterNdMax(indices: TensorLike, updates: TensorLike): this;
    /** As `tensorScatterNdMin`. */
    scatterNdMin(indices: TensorLike, updates: TensorLike): this;
  }
}

type Fn = (...args: unknown[]) => unknown;
type Receiver = Tensor | Variable;

/** The op with `this` for its first argument. */
function methodOf(name: string, op: Fn): Fn {
  const arity = registry.get(name)?.arity;
  if (arity === 1) {
    return function (this: Receiver): unknown {
      if (arguments.length > 0) refuseExtra(name, arguments[0], arguments[1]);
      return op(this);
    };
  }
  if (arity === 2) {
    return function (this: Receiver, y: unknown): unknown {
      if (arguments.length > 1) refuseExtra(name, arguments[1], arguments[2]);
      return op(this, y);
    };
  }
  // Passes as many arguments as were given: ops count them, to refuse those that are too many.
  return function (this: Receiver, ...rest: unknown[]): unknown {
    return op(this, ...rest);
  };
}

// One object, which the prototypes of both inherit from. While it is nobody's prototype V8 adds to it thirty times as fast.
const methods = Object.create(null) as object;
for (const namespace of [ops, nn]) {
  for (const [name, op] of Object.entries(namespace)) {
    Object.defineProperty(methods, name, {
      configurable: true,
      writable: true,
      value: named(name, methodOf(name, op as Fn)),
    });
  }
}
Object.setPrototypeOf(methods, Object.prototype);
// V8 turns a prototype into an object with fast properties when somebody reads through it; but the prototypes of both classes
// have been read through, so it would not look behind them, and each call of a method would search a hash table.
const heir = Object.create(methods) as { abs?: unknown };
const read = (): unknown => heir.abs;
for (let i = 0; i < 1000; i++) read(); // at first it only counts
for (const { prototype } of [Tensor, Variable]) Object.setPrototypeOf(prototype, methods);

/** Replaces a variable's value by one computed from it, outside of all recorders: no gradients flow, and it is no reading. */
function assignComputed(name: string, v: Variable, from: Tensor, compute: (value: Tensor) => Tensor): Variable {
  // Recorders do not hear of what is computed, so they are told what from.
  return v.replace(
    name,
    unheard(() => compute(v.peek())),
    false,
    [from],
  );
}

function assignBy(name: string, combine: typeof add): (this: Variable, x: TensorLike) => Variable {
  return named(name, function (this: Variable, x: TensorLike) {
    if (!isVariable(this)) throw notAVariable(name, this);
    if (arguments.length > 1) refuseExtra(name, arguments[1], undefined);
    const change = this.checked(name, x);
    return assignComputed(name, this, change, (value) => inTheNameOf(name, () => combine(value, change)));
  });
}

function assignAt(this: Variable, index: UpdateIndex, values: TensorLike): Variable {
  if (!isVariable(this)) throw notAVariable('assignAt', this);
  if (arguments.length > 2) refuseExtra('assignAt', arguments[2], undefined);
  const part = this.checked('assignAt', values);
  return assignComputed('assignAt', this, part, (value) => updatedAt('assignAt', value, index, part));
}

function scatterNdBy(name: string, way: Combination): (this: Variable, i: TensorLike, u: TensorLike) => Variable {
  return named(name, function (this: Variable, indices: TensorLike, updates: TensorLike) {
    if (!isVariable(this)) throw notAVariable(name, this);
    if (arguments.length > 2) refuseExtra(name, arguments[2], undefined);
    const rows = this.checked(name, updates);
    return assignComputed(name, this, rows, (value) => tensorScatter(name, way, value, indices, rows, undefined));
  });
}

/** The value of a variable with rows combined into it at index vectors. */
type Scatter = (value: Tensor, vectors: Tensor, rows: Tensor) => Tensor;

function scatterBy(name: string, scatter: Scatter): (this: Variable, slices: IndexedSlices) => Variable {
  return named(name, function (this: Variable, slices: IndexedSlices) {
    if (!isVariable(this)) throw notAVariable(name, this);
    if (arguments.length > 1) refuseExtra(name, arguments[1], undefined);
    if (!isA(slices, IndexedSlices)) {
      throw new GradtapeError('ERR_NOT_A_TENSOR', `${name}: expected IndexedSlices, got ${show(slices)}`);
    }
    if (!sameShape(slices.shape, this.shape)) {
      throw new ShapeError(
        `${name}: variable ${this.name} has shape ${showShape(this.shape)}, the slices have ${showShape(slices.shape)}`,
      );
    }
    const rows = this.checked(name, slices.values);
    const { size } = slices.indices;
    return assignComputed(name, this, rows, (value) => {
      return scatter(value, reshapeTo(slices.indices, shapeOf([size, 1])), rows);
    });
  });
}

/** The scatter of slices that a way of combining makes. */
function scatterWith(name: string, way: Combination): (this: Variable, slices: IndexedSlices) => Variable {
  return scatterBy(name, (value, vectors, rows) => tensorScatter(name, way, value, vectors, rows, undefined));
}

// Divided by the product of all slices for a row.
const scatterDiv = scatterBy('scatterDiv', (value, vectors, rows) => {
  const count = vectors.size;
  const indices = reshapeTo(vectors, shapeOf([count]));
  const places = placesOfEqual('scatterDiv', indices);
  const inner = sizeOf(value.shape.slice(1));
  const of = (length: number): Rows => ({ sizes: [1, 1, length, count, inner], sparse: false });
  const ones = uniformTensor(1, value.dtype, rows.shape);
  const products = scatterInto('scatterDiv', 'mul', ones, rows, places, of(count));
  const divisors = gatherRows('scatterDiv', products, places, of(count), rows.shape);
  const whole = of(value.shape[0] as number);
  const before = gatherRows('scatterDiv', value, indices, whole, rows.shape);
  const quotients = isFloating(value.dtype) ? div(before, divisors) : truncatediv(before, divisors);
  return scatterInto('scatterDiv', 'update', value, quotients, indices, whole);
});

function batchScatterUpdate(
  this: Variable,
  slices: IndexedSlices | { values: TensorLike; indices: TensorLike },
): Variable {
  const name = 'batchScatterUpdate';
  if (!isVariable(this)) throw notAVariable(name, this);
  if (arguments.length > 1) refuseExtra(name, arguments[1], undefined);
  const { values, indices } = options(
    name,
    { values: anything, indices: anything },
    isA(slices, IndexedSlices) ? { values: slices.values, indices: slices.indices } : slices,
  );
  const vectors = asIndices(name, indices as TensorLike);
  const rows = this.checked(name, values as TensorLike);
  const batch = vectors.shape.slice(0, -1);
  const k = batch.length;
  const expected = [...vectors.shape, ...this.shape.slice(k + 1)];
  if (
    vectors.rank === 0 ||
    this.rank <= k ||
    !sameShape(this.shape.slice(0, k), batch) ||
    !sameShape(rows.shape, expected)
  ) {
    throw new ShapeError(
      `${name}: variable ${this.name} [b..., length, ...] has shape ${showShape(this.shape)}, which indices [b..., n] ${showShape(vectors.shape)} and values [b..., n, ...] ${showShape(rows.shape)} do not fit`,
    );
  }
  const sizes = [
    sizeOf(batch),
    1,
    this.shape[k] as number,
    vectors.shape[k] as number,
    sizeOf(this.shape.slice(k + 1)),
  ] as const;
  return assignComputed(name, this, rows, (value) =>
    scatterInto(name, 'update', value, rows, vectors, { sizes, sparse: false }),
  );
}

const ways: readonly Combination[] = ['update', 'add', 'sub', 'max', 'min'];
const scatters = ways.flatMap((way) => {
  const suffix = (way[0] as string).toUpperCase() + way.slice(1);
  return [
    [`scatter${suffix}`, scatterWith(`scatter${suffix}`, way)],
    [`scatterNd${suffix}`, scatterNdBy(`scatterNd${suffix}`, way)],
  ] as const;
});
Object.assign(
  Variable.prototype,
  { assignAdd: assignBy('assignAdd', add), assignSub: assignBy('assignSub', sub), assignAt },
  { scatterMul: scatterWith('scatterMul', 'mul'), scatterDiv, batchScatterUpdate },
  Object.fromEntries<unknown>(scatters),
);
