/**
 * Random numbers from counters (Philox): the same seed and offset give the same numbers on any machine, with any number
 * of threads.
 */
import type { DType } from '../base/dtype.js';
import type { Stream } from '../base/random-stream.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply0 } from '../op/apply.js';
import { Op } from '../op/op.js';

/** The attributes of random ops: seed (low and high 32 bits) and offset of the stream. */
type StreamPosition = readonly [low: number, high: number, offset: number];

const words = (position: StreamPosition): StreamPosition => position;
/** Uniform in [0, 1). */
export const uniformOp: Op<StreamPosition> = new Op('random.uniform', { kernel: 'randomUniform', words });
/** Normal with mean 0 and standard deviation 1. */
export const normalOp: Op<StreamPosition> = new Op('random.normal', { kernel: 'randomNormal', words });
/** The numbers 0 .. length - 1 of a vector, in random order. */
export const permutationOp: Op<StreamPosition> = new Op('random.shuffle', { kernel: 'randomPermutation', words });

/** A tensor of the next numbers of the stream; moves its offset. `name`: the op in errors. */
export function draw(name: string, op: Op<StreamPosition>, dtype: DType, shape: Shape, stream: Stream): Tensor {
  const t = apply0(op.as(name), dtype, shape, [stream.low, stream.high, stream.offset]);
  // A counter of Philox gives four 64-bit numbers; the offset moves by whole counters, so no two ops draw from the same
  // one.
  stream.offset += Math.ceil(sizeOf(shape) / 4) * 4;
  return t;
}
