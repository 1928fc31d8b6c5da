/** Functions of square matrices (the last two axes): the exponential and the square root. */
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { apply1 } from '../op/apply.js';
import { Op } from '../op/op.js';
import { fromX } from '../op/rules.js';
import { div, mul } from './arithmetic.js';
import { boxAt, concatAlong, sliceBox } from './box.js';
import { equal } from './compare.js';
import { matrixTranspose } from './linalg.js';
import { abs } from './math.js';
import { identityOf, stopGradientOf } from './movement.js';
import { maxOver } from './reduce.js';
import { select } from './select.js';

/**
 * A function of matrices. Its derivative at x in a direction e is the upper right block of its value at
 * [[x, e], [0, x]] (Mathias 1996, A chain rule for matrix functions and applications), and the transpose of that linear
 * map is the derivative at x^T. So the rule is the function itself, and has a rule of its own.
 */
function matrixFunction(name: string, kernel: string): (x: Tensor) => Tensor {
  const op: Op = new Op(name, {
    kernel,
    vjps: [fromX((ct, x) => along(matrixTranspose(x), ct))],
    forward: ([tangent], e) => [along(e.kept(0), tangent as Tensor)],
    batch: ({ operands }) => apply(operands[0] as Tensor),
  });
  const apply = (x: Tensor): Tensor => (x.size === 0 ? identityOf(x) : apply1(op, x, x.dtype, x.shape, null));
  /** The derivative at x in a direction. */
  const along = (x: Tensor, direction: Tensor): Tensor => {
    const [last, n] = [x.rank - 1, x.shape[x.rank - 1] as number];
    const rows = last - 1;
    // Of the size of the direction nothing depends but rounding: it is brought to 1.
    const largest = maxOver(abs(direction), [rows, last], true);
    const scale = stopGradientOf(select(equal(largest, 0), 1, largest));
    const above = concatAlong([x, div(direction, scale)], last);
    const below = concatAlong([uniformTensor(0, x.dtype, x.shape), x], last);
    const whole = apply(concatAlong([above, below], rows));
    const corner = sliceBox(whole, x.shape, boxAt(x.shape.map((_, d) => (d === last ? n : 0))));
    return mul(corner, scale);
  };
  return apply;
}

/** expm: the exponentials of the matrices. */
export const expmOf: (x: Tensor) => Tensor = matrixFunction('linalg.expm', 'expm');

/** sqrtm: the square roots of the matrices; NaN where none is real. */
export const sqrtmOf: (x: Tensor) => Tensor = matrixFunction('linalg.sqrtm', 'sqrtm');
