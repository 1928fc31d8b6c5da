/** Gradient rules: what a rule keeps of the forward pass is said by the function that makes it. */
import type { Tensor } from '../engine/tensor.js';
import { type Cotangent, type Entry, keep, type Vjp } from '../record/entry.js';

type Pulled = Cotangent | null;

/** Needs shapes and attributes only. */
export function linear<A>(f: (ct: Tensor, e: Entry<A>, operand: number) => Pulled): Vjp<A> {
  return { needs: keep.nothing, pull: f };
}
export function fromX<A>(f: (ct: Tensor, x: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x, pull: (ct, e) => f(ct, e.x as Tensor, e) };
}
export function fromY<A>(f: (ct: Tensor, y: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.y, pull: (ct, e) => f(ct, e.y as Tensor, e) };
}
export function fromXY<A>(f: (ct: Tensor, x: Tensor, y: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x | keep.y, pull: (ct, e) => f(ct, e.x as Tensor, e.y as Tensor, e) };
}
export function fromOut<A>(f: (ct: Tensor, out: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.out, pull: (ct, e) => f(ct, e.out as Tensor, e) };
}
export function fromXOut<A>(f: (ct: Tensor, x: Tensor, out: Tensor, e: Entry<A>) => Pulled): Vjp<A> {
  return { needs: keep.x | keep.out, pull: (ct, e) => f(ct, e.x as Tensor, e.out as Tensor, e) };
}
/** Needs the operands of these numbers (below 30), in this order. */
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
