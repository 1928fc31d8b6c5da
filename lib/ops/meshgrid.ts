/** meshgrid. It takes any number of vectors, so it is no method. */
import { isOptions, oneOf, options } from '../base/arguments.js';
import { guardShape, shapeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensors } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { broadcast, reshapeTo } from '../primitives/movement.js';

/** The options of `meshgrid`. */
export interface MeshgridOptions {
  /** 'xy' (default): the second operand runs along axis 0, the first along axis 1; 'ij': each along its own axis. */
  indexing?: 'xy' | 'ij';
}

const meshgridOptions = { indexing: oneOf(['xy', 'ij']) } as const;

/**
 * Coordinates on a grid: for vectors of lengths n1, n2, ... as many tensors of one shape, [n2, n1, n3, ...] or with
 * 'ij' [n1, n2, n3, ...]; each has the elements of its vector along one axis. Operands of other ranks are taken as
 * vectors. The options come last. Every dtype; all have one.
 * @throws DTypeError, ShapeError, ValueError ERR_OPTION
 */
export function meshgrid(...operands: readonly TensorLike[] | readonly [...TensorLike[], MeshgridOptions]): Tensor[] {
  const last = operands.at(-1);
  const given = isOptions(last) ? last : undefined;
  const { indexing = 'xy' } = options('meshgrid', meshgridOptions, given);
  const values = (given ? operands.slice(0, -1) : operands) as readonly TensorLike[];
  if (values.length === 0) return [];
  const tensors = asTensors('meshgrid', values);
  const swaps = indexing === 'xy' && tensors.length > 1;
  const axisOf = (k: number): number => (swaps && k < 2 ? 1 - k : k);
  const lengths = tensors.map((_, d) => (tensors[axisOf(d)] as Tensor).size);
  const shape = guardShape('meshgrid', lengths);
  return tensors.map((t, k) => {
    const own = lengths.map((n, d) => (d === axisOf(k) ? n : 1));
    return broadcast(reshapeTo(t, shapeOf(own)), shape);
  });
}
