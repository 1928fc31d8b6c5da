/** Row gradients: gradients of few rows of a variable, each row with the sum of all slices for it; and updates of these rows. */
import { ShapeError } from '../base/errors.js';
import { type Shape, sameShape, shapeOf, showShape, sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { placesOfEqual } from '../primitives/equal-rows.js';
import { gatherRows, type IndexedSlices, type Rows, scatterRows } from '../primitives/gather.js';
import { scatterInto } from '../primitives/scatter-into.js';

/** The gradient of a variable in some of its rows; it is zero in all others. `op`: who asks, for errors. */
export class RowGradient {
  /**
   * The sums of the slices for a row, [n, ...], each in one place of several where a row has several slices; the others are
   * zero. What is computed of them element by element, and is 0 of 0, is a row gradient's, too.
   */
  readonly sums: Tensor;
  readonly #op: string;
  readonly #indices: Tensor;
  readonly #places: Tensor;
  readonly #length: number;

  private constructor(op: string, indices: Tensor, places: Tensor, sums: Tensor, length: number) {
    this.#op = op;
    this.#indices = indices;
    this.#places = places;
    this.sums = sums;
    this.#length = length;
  }

  /** The rows that slices have. */
  static of(op: string, { values, indices, shape }: IndexedSlices): RowGradient {
    const count = indices.size;
    const places = placesOfEqual(op, indices);
    const sums = scatterRows(op, values, places, rowsOf(values.shape, count), values.shape);
    return new RowGradient(op, indices, places, sums, shape[0] as number);
  }

  /** The same rows with these sums. */
  with(sums: Tensor): RowGradient {
    return new RowGradient(this.#op, this.#indices, this.#places, sums, this.#length);
  }

  /** Whether there is no row. */
  get isEmpty(): boolean {
    return this.#indices.size === 0;
  }

  /** The gradient of each slice's row, [n, ...]: the same for slices of one row. */
  get totals(): Tensor {
    const { shape } = this.sums;
    return gatherRows(this.#op, this.sums, this.#places, rowsOf(shape, shape[0] as number), shape);
  }

  /** The rows of a tensor that has the variable's shape, [n, ...]. */
  rowsOf(t: Tensor): Tensor {
    return gatherRows(this.#op, t, this.#indices, rowsOf(this.sums.shape, this.#length), this.sums.shape);
  }

  /**
   * The tensor with these rows in place of its own.
   * @throws ShapeError for rows of another shape
   */
  replaced(t: Tensor, rows: Tensor, name: string): Tensor {
    const { shape } = this.sums;
    if (!sameShape(rows.shape, shape)) {
      throw new ShapeError(
        `${this.#op}: the update of rows of ${name} has shape ${showShape(rows.shape)}, the rows ${showShape(shape)}`,
      );
    }
    return scatterInto(this.#op, 'update', t, rows, this.#indices, rowsOf(shape, this.#length));
  }
}

/** As many rows, of the shape [n, ...], of so many. */
function rowsOf(shape: Shape, length: number): Rows {
  const [count = 0, ...rest] = shape;
  return { sizes: [1, 1, length, count, sizeOf(shapeOf(rest))], sparse: false };
}
