/** What `tf.data` has: datasets of tensors and of records. */
import { refuseExtra } from '../base/arguments.js';
import type { Sources } from '../op/sources.js';
import type { TensorLike } from '../op/variable.js';
import { type Dataset, ofRecords, ofTable, type Slices } from './dataset.js';
import type { Records } from './records.js';
import { Table } from './table.js';

export type { BatchOptions, Dataset, ShuffleOptions, Slices } from './dataset.js';
export type { Records } from './records.js';

/**
 * The slices of tensors along axis 0: element i is the nest with slice i of each tensor (TensorFlow's
 * `from_tensor_slices`). All tensors have the same length of axis 0; `null` in a nest stays.
 * @throws ShapeError for tensors of different lengths, or without an axis; GradtapeError ERR_NOT_A_TENSOR
 */
export function fromTensors<const S>(tensors: S & NoInfer<Sources<S, TensorLike | null>>): Dataset<Slices<S>> {
  const op = 'data.fromTensors';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  return ofTable(new Table(op, tensors));
}

/**
 * Records: of an array, a Map, a generator, a stream of Node's, any iterable, also an asynchronous one; or of what a
 * function opens anew for each pass, without which an iterable that can be read once gives one pass. The records of a
 * batch are nested alike: numbers, arrays of numbers, typed arrays and tensors; what has text is for `map` first.
 * @throws ValueError for what is no iterable
 */
export function fromIterable<T>(records: Records<T>): Dataset<T> {
  const op = 'data.fromIterable';
  if (arguments.length > 1) refuseExtra(op, arguments[1], arguments[2]);
  return ofRecords(op, records);
}
