/** Tables: tensors whose slices along axis 0 are rows; and the batching of records that are no rows. */
import { DTypeError, ShapeError, show, ValueError } from '../base/errors.js';
import { isNumbers, unnest } from '../base/nested.js';
import { sameShape, showShape } from '../base/shape.js';
import { evaluateTensors } from '../engine/evaluate.js';
import { isKnown, type Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import type { TensorLike } from '../op/variable.js';
import { at, gather, slice, stack } from '../ops/index.js';

/** The tensors of a nest, all with the same length of axis 0. */
export class Table {
  /** How many rows there are. */
  readonly count: number;
  readonly #tensors: readonly Tensor[];
  readonly #nest: (tensors: readonly Tensor[]) => unknown;

  /** @throws GradtapeError ERR_NOT_A_TENSOR, ShapeError, ValueError for a nest without a tensor */
  constructor(op: string, tensors: unknown) {
    const { leaves, paths, nest } = unnest(op, tensors, isNumbers);
    this.#tensors = leaves.map((leaf, i) => asTensor(op, leaf as TensorLike, undefined, `tensors${paths[i]}`));
    this.#nest = nest;
    const [first] = this.#tensors;
    if (!first) throw new ValueError(`${op}: expected tensors, or a nest of them, got ${show(tensors)}`);
    this.count = first.shape[0] ?? 0;
    for (const [i, t] of this.#tensors.entries()) {
      if (t.rank > 0 && t.shape[0] === this.count) continue;
      throw new ShapeError(
        `${op}: all tensors must have the same length of axis 0; tensors${paths[0]} has shape ${showShape(first.shape)}, tensors${paths[i]} ${showShape(t.shape)}`,
      );
    }
  }

  /** Computes what is pending, so that not every batch has to. */
  prepare(): void {
    const pending = this.#tensors.filter((t) => !isKnown(t));
    if (pending.length > 0) evaluateTensors(pending);
  }

  row(i: number): unknown {
    return this.#nest(this.#tensors.map((t) => at(t, i)));
  }

  /** The rows of these numbers, in order: one op for each tensor. */
  rows(numbers: readonly number[]): unknown {
    const first = numbers[0] as number;
    const isRun = numbers.every((n, i) => n === first + i);
    const indices = isRun ? null : Int32Array.from(numbers);
    return this.#nest(
      this.#tensors.map((t) =>
        indices
          ? gather(t, indices)
          : slice(t, [first, ...t.shape.slice(1).map(() => 0)], [numbers.length, ...t.shape.slice(1)]),
      ),
    );
  }
}

/** Records of one structure as one, each leaf with an axis 0 of records. */
export function collated(op: string, records: readonly unknown[]): unknown {
  const parts = records.map((record) => unnest(op, record, isNumbers));
  const [first] = parts as [(typeof parts)[0]];
  parts.forEach(({ paths }, i) => {
    if (paths.length === first.paths.length && paths.every((path, k) => path === first.paths[k])) return;
    throw new ValueError(
      `${op}: the records of a batch must be nested alike; record 0 has ${named(first.paths)}, record ${i} ${named(paths)}`,
      'ERR_STRUCTURE',
    );
  });
  return first.nest(
    first.leaves.map((leaf, k) => {
      const column = parts.map(({ leaves }) => leaves[k]);
      if (typeof leaf === 'number' || typeof leaf === 'boolean') {
        return asTensor(op, column as TensorLike, undefined, `record${first.paths[k]}`);
      }
      const path = first.paths[k] as string;
      const tensors = column.map((x) => asTensor(op, x as TensorLike, undefined, `record${path}`));
      const [like] = tensors as [Tensor];
      for (const [i, t] of tensors.entries()) {
        if (sameShape(t.shape, like.shape) && t.dtype === like.dtype) continue;
        const [of0, ofI] = [like, t].map(({ dtype, shape }) => `${dtype} ${showShape(shape)}`);
        const message = `${op}: the records of a batch must have the same shapes and dtypes; record 0${path} is ${of0}, record ${i}${path} ${ofI}`;
        throw t.dtype === like.dtype ? new ShapeError(message) : new DTypeError(message);
      }
      return stack(tensors);
    }),
  );
}

function named(paths: readonly string[]): string {
  return paths.map((path) => path || 'one value').join(', ') || 'nothing';
}
