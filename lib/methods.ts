/**
 * The methods of tensors and variables: every op of `tf` and `tf.nn` whose first argument is a tensor; and assignAdd and
 * assignSub of variables.
 */
import { refuseExtra } from './base/arguments.js';
import { named } from './base/errors.js';
import { Tensor } from './engine/tensor.js';
import { registry } from './op/registry.js';
import { isVariable, notAVariable, type TensorLike, Variable } from './op/variable.js';
import * as ops from './ops/methods.js';
import * as nn from './ops/nn/methods.js';
import { add, sub } from './primitives/arithmetic.js';
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

/** Every op whose first argument is a tensor, as a method. */
export interface TensorMethods extends Methods<typeof ops>, Methods<typeof nn> {}

declare module './engine/tensor.js' {
  interface Tensor extends TensorMethods {}
}
declare module './op/variable.js' {
  interface Variable extends TensorMethods {
    /** Adds x to the value. Gradients do not flow through an assignment. */
    assignAdd(x: TensorLike): this;
    /** Subtracts x from the value. Gradients do not flow through an assignment. */
    assignSub(x: TensorLike): this;
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
for (const { prototype } of [Tensor, Variable]) Object.setPrototypeOf(prototype, methods);

// Computed outside of all recorders: no gradient flows through an assignment, and it is no reading of the variable.
function assignBy(name: string, combine: typeof add): (this: Variable, x: TensorLike) => Variable {
  return named(name, function (this: Variable, x: TensorLike) {
    if (!isVariable(this)) throw notAVariable(name, this);
    if (arguments.length > 1) refuseExtra(name, arguments[1], undefined);
    const change = this.checked(name, x);
    return this.replace(
      name,
      unheard(() => combine(this.peek(), change)),
    );
  });
}
Object.assign(Variable.prototype, { assignAdd: assignBy('assignAdd', add), assignSub: assignBy('assignSub', sub) });
