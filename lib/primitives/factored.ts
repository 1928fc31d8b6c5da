/**
 * Factors of matrices as results of ops: how the parts of one factorization, computed together by a kernel, get a
 * gradient rule each that has all of them in it.
 */
import type { DType } from '../base/dtype.js';
import { type Shape, shapeOf, sizeOf } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { applyComposed, applyResults } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromOperands } from '../op/rules.js';
import { isRecording, unheard } from '../record/stack.js';
import { add, div, mul, sub } from './arithmetic.js';
import { boxAt, sliceBox } from './box.js';
import { equal } from './compare.js';
import { iota } from './iota.js';
import { square } from './math.js';
import { broadcast, castTo, connect, identityOf, reshapeTo } from './movement.js';
import { select } from './select.js';

/** The factors of a matrix, in the order of the kernel's results. */
export type Factors = readonly Tensor[];

/** The gradient rule of a part: from its cotangent to that of the matrix x. The parts are functions of x in it. */
type PartRule<A> = (ct: Tensor, parts: Factors, x: Tensor, attributes: A) => Tensor;

/** What a factorization is made of. */
export interface FactorizationParts<A> {
  readonly kernel: string;
  readonly words?: (attributes: A) => readonly number[];
  /** The shapes of the parts, of x [..., m, n]. */
  readonly shapes: (x: Shape, attributes: A) => readonly Shape[];
  readonly rules: readonly PartRule<A>[];
}

/** Whether elements of an n x n matrix lie on its diagonal. */
function onDiagonal(n: number): Tensor {
  return equal(asColumns(iota(n)), iota(n));
}

/** A part of a matrix without elements: no elements, or the unit matrix, as all directions are left. */
function emptyPart(shape: Shape, dtype: DType): Tensor {
  if (sizeOf(shape) === 0) return uniformTensor(0, dtype, shape);
  return broadcast(castTo(onDiagonal(shape[shape.length - 1] as number), dtype), shape);
}

/**
 * A factorization. Its ops take x and all parts, which are constants to a tape; so a rule can make the parts functions
 * of x once more, without computing them again, and every order follows.
 */
export class Factorization<A = null> {
  private readonly kernel: Op<A>;
  private readonly shapes: FactorizationParts<A>['shapes'];
  private readonly ops: readonly Op<A>[];

  constructor(name: string, { kernel, words, shapes, rules }: FactorizationParts<A>) {
    this.kernel = new Op(name, words ? { kernel, words } : { kernel });
    this.shapes = shapes;
    this.ops = rules.map((rule, k) => {
      const operands = [0, ...rules.map((_, i) => i + 1)];
      const pull = fromOperands<A>(operands, (ct, [x, ...parts], { attributes }) => {
        const given = x as Tensor;
        return rule(ct, this.heard(given, parts as Tensor[], attributes), given, attributes);
      });
      return new Op<A>(name, {
        vjps: [pull, null],
        batch: (call) => this.of(call.operands[0] as Tensor, call.attributes)[k] as Tensor,
      });
    });
  }

  /** The parts of x. The kernel computes those that are looked at. */
  of(x: Tensor, attributes: A): Factors {
    const shapes = this.shapes(x.shape, attributes);
    if (x.size === 0) return shapes.map((shape) => connect(emptyPart(shape, x.dtype), x));
    const specs = shapes.map((shape) => ({ dtype: x.dtype, shape }));
    const parts = unheard(() => applyResults(this.kernel, [x], attributes, specs));
    return this.heard(x, parts, attributes);
  }

  /** These values as functions of x. */
  private heard(x: Tensor, parts: Factors, attributes: A): Factors {
    if (!isRecording()) return parts;
    const operands = [x, ...parts];
    return this.ops.map((op, k) => applyComposed(op, operands, attributes, () => identityOf(parts[k] as Tensor)));
  }
}

/** 1 / x, but 0 at 0: x / (x^2 + 1e-20), as TensorFlow has it where values of a spectrum coincide. */
export function safeReciprocal(x: Tensor): Tensor {
  return div(x, add(square(x), 1e-20));
}

/** x [..., k] as rows [..., 1, k] of matrices. */
export function asRows(x: Tensor): Tensor {
  return reshapeTo(x, shapeOf([...x.shape.slice(0, -1), 1, x.shape[x.rank - 1] as number]));
}
/** x [..., k] as columns [..., k, 1]. */
export function asColumns(x: Tensor): Tensor {
  return reshapeTo(x, shapeOf([...x.shape, 1]));
}

/** [i, j]: safeReciprocal(x_j - x_i), of x [..., k]; zeros on the diagonal, which do not depend on x. */
export function reciprocalGaps(x: Tensor): Tensor {
  return select(onDiagonal(x.shape[x.rank - 1] as number), 0, safeReciprocal(sub(asRows(x), asColumns(x))));
}

/** a with columns, or rows, scaled by d [..., k]. */
export const scaledColumns = (a: Tensor, d: Tensor): Tensor => mul(a, asRows(d));
export const scaledRows = (d: Tensor, a: Tensor): Tensor => mul(asColumns(d), a);

/** `count` of the columns of matrices, from one on. */
export function columnsOf(a: Tensor, from: number, count: number): Tensor {
  if (a.shape[a.rank - 1] === count) return a;
  const begin = a.shape.map((_, d) => (d === a.rank - 1 ? from : 0));
  return sliceBox(a, shapeOf([...a.shape.slice(0, -1), count]), boxAt(begin));
}
