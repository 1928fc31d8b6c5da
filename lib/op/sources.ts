/**
 * The types of targets, sources and gradients as users nest them. Types only; base/nested.ts walks nested values at run
 * time.
 */
import type { Tensor } from '../engine/tensor.js';
import type { Variable } from './variable.js';

/** A leaf of a nest: what gradients are asked with respect to. */
export type Leaf = Tensor | Variable;

/** Appears in the compiler's error for a value that is neither a tensor nor a variable. */
export interface MustBeATensorOrVariable {
  /** No value has it. */
  readonly mustBeATensorOrVariable: never;
}

/** Values that are no nest and no tensor or variable: they are refused. */
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
 * A type that S is assignable to if every leaf of the nest S is an L. It accepts interfaces too, which `Nested` refuses
 * because they have no index signature.
 */
export type Sources<S, L = Leaf> = S extends L
  ? unknown
  : S extends Opaque
    ? MustBeATensorOrVariable
    : S extends readonly unknown[]
      ? number extends S['length']
        ? readonly Sources<S[number], L>[] // resolved late by the compiler, so that a nest may contain its own type
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
