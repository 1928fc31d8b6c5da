/** The types of sources and of what comes back for them. Types only: what nested values are at run time is nested.ts's. */
import type { Tensor } from '../engine/tensor.js';
import type { Variable } from '../op/variable.js';

/** What can be differentiated with respect to. */
export type Leaf = Tensor | Variable;

/** Stands, in an error of the compiler, where a value is neither a tensor nor a variable. */
export interface MustBeATensorOrVariable {
  readonly mustBeATensorOrVariable: never;
}

/** What is no nest: a leaf that is refused. */
type Opaque =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined
  | ((...args: never[]) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | PromiseLike<unknown>
  | ArrayBufferView
  | Date;

/**
 * What a nest S must be besides S itself: every leaf an L, a tensor or variable. Interfaces pass, which `Nested` refuses for want of
 * an index signature.
 */
export type Sources<S, L = Leaf> = S extends L
  ? unknown
  : S extends Opaque
    ? MustBeATensorOrVariable
    : S extends readonly unknown[]
      ? number extends S['length']
        ? readonly Sources<S[number], L>[] // written as an array, the compiler puts it off: a nest may contain its own type
        : { readonly [K in keyof S]: Sources<S[K], L> }
      : { readonly [K in keyof S]: Sources<S[K], L> };

/** S with every tensor and variable replaced by R. */
export type Mapped<S, R> = S extends Leaf
  ? R
  : S extends readonly unknown[]
    ? number extends S['length']
      ? Mapped<S[number], R>[]
      : { -readonly [K in keyof S]: Mapped<S[K], R> }
    : S extends object
      ? { -readonly [K in keyof S]: Mapped<S[K], R> }
      : never;
