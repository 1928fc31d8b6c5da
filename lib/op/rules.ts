/** Makers of gradient rules: the maker that a rule is written with says which tensors the entry keeps for it. */
import type { Tensor } from '../engine/tensor.js';
import { type Cotangent, type Entry, keep, type Vjp } from '../record/entry.js';

type Pulled = Cotangent | null;

/** A rule that needs shapes and attributes only, as of a linear op. */
export function linear<A>(f: (ct: Tensor, e: Entry<A>, operand: number) => Pulled): Vjp<A> {
  return { needs: keep.nothing, pull: f };
}
/** A rule that needs the first operand. */
export function fromX<A>(f: (ct: Tensor, x: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x, pull: (ct, e) => f(ct, e.x as Tensor, e) };
}
/** A rule that needs the second operand. */
export function fromY<A>(f: (ct: Tensor, y: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.y, pull: (ct, e) => f(ct, e.y as Tensor, e) };
}
/** A rule that needs the first two operands. */
export function fromXY<A>(f: (ct: Tensor, x: Tensor, y: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x | keep.y, pull: (ct, e) => f(ct, e.x as Tensor, e.y as Tensor, e) };
}
/** A rule that needs the result. */
export function fromOut<A>(f: (ct: Tensor, out: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.out, pull: (ct, e) => f(ct, e.out as Tensor, e) };
}
/** A rule that needs the first operand and the result. */
export function fromXOut<A>(f: (ct: Tensor, x: Tensor, out: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x | keep.out, pull: (ct, e) => f(ct, e.x as Tensor, e.out as Tensor, e) };
}
/** A rule that needs the operands of these numbers (0 to 29); it gets them in this order. */
export function fromOperands<A>(
  numbers: readonly number[],
  f: (ct: Tensor, operands: readonly Tensor[], e: Entry<A>) => Pulled,
): Vjp<A> {
  const needs = numbers.reduce((bits, k) => bits | (2 ** k), 0);
  return {
    needs,
    pull: (ct, e) =>
      f(
        ct,
        numbers.map((k) => e.kept(k)),
        e,
      ),
  };
}
