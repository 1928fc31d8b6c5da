/** `saveNpy`, `loadNpy`: one tensor in NumPy's format. */
import { refuseBehind } from '../base/arguments.js';
import { dtypeBytes } from '../base/dtype.js';
import { evaluateTensorsAsync } from '../engine/evaluate.js';
import type { Tensor } from '../engine/tensor.js';
import { asTensor } from '../op/operands.js';
import { isVariable, type TensorLike } from '../op/variable.js';
import { densify } from '../primitives/gather.js';
import { transposeBy } from '../primitives/movement.js';
import { below } from '../record/stack.js';
import { readTensor, writeElements } from './elements.js';
import { type Path, type Sink, type Source, type Stored, save, savedTo, withSource } from './file.js';
import { computed } from './nest.js';
import { makeNpyHeader, readNpyHeader } from './npy-header.js';

/**
 * Saves a tensor as NumPy does: float64, float32, int32, uint8 or bool. The file is replaced as a whole. Without a path in
 * front, the result is the file's bytes.
 * @throws (rejects) GradtapeError ERR_NOT_A_TENSOR, ERR_FILE; what computing the tensor throws
 */
export function saveNpy(path: Path, x: TensorLike): Promise<void>;
export function saveNpy(x: TensorLike): Promise<Uint8Array>;
export async function saveNpy(...given: readonly unknown[]): Promise<unknown> {
  const fn = 'saveNpy';
  const [path, [x]] = savedTo(fn, given, 1);
  const value = isVariable(x) ? x.peek() : x;
  const t = below(null, () => densify(asTensor(fn, value as TensorLike)));
  await computed([t]);
  const fill = (sink: Sink): Promise<void> => writeNpy(sink, t);
  return await save(fn, path, fill, npyBytes(t));
}

/** How long the file of a tensor is. */
export function npyBytes(t: Tensor): number {
  return makeNpyHeader(t.dtype, t.shape).length + t.size * dtypeBytes[t.dtype];
}

/** Writes the file of a tensor that was computed. */
export async function writeNpy(sink: Sink, t: Tensor): Promise<void> {
  await sink.write(makeNpyHeader(t.dtype, t.shape));
  await writeElements(sink, t);
}

/**
 * Loads the tensor of an npy file, or of its bytes: versions 1 to 3, either byte order, C or Fortran order. float16 becomes
 * float32; whole numbers of other widths int32, if they fit.
 * @throws (rejects) GradtapeError ERR_FILE, ERR_FORMAT; DTypeError for a type that no dtype can hold (complex numbers, texts,
 *   objects, records); ShapeError; ValueError for a number that does not fit int32
 */
export async function loadNpy(from: Stored, extra?: unknown): Promise<Tensor> {
  refuseBehind('loadNpy', extra);
  return await withSource('loadNpy', from, (source) => readNpy('loadNpy', source, 'the array'));
}

/** Reads the tensor of an npy file, from its first byte to its last. `what`: for errors. */
export async function readNpy(fn: string, source: Source, what: string): Promise<Tensor> {
  const { fortran, shape, ...place } = await readNpyHeader(fn, source, what);
  if (!fortran || shape.length < 2) return await readTensor(fn, source, { ...place, shape, what });
  const reversed = await readTensor(fn, source, { ...place, shape: shape.toReversed(), what });
  const t = below(null, () => transposeBy(reversed, Array.from(shape.keys()).reverse()));
  await evaluateTensorsAsync([t], () => undefined);
  return t;
}
