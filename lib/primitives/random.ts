/** Random numbers from counters (Philox): the same stream and offset give the same numbers on any machine and number of threads. */
import type { DType } from '../base/dtype.js';
import type { Stream } from '../base/random-stream.js';
import type { Shape } from '../base/shape.js';
import { sizeOf } from '../base/shape.js';
import type { Tensor } from '../engine/tensor.js';
import { apply0 } from '../op/apply.js';
import { Op } from '../op/op.js';

/** Attributes: where the stream is, as its key and offset. */
type StreamPosition = readonly [low: number, high: number, offset: number];

const words = (position: StreamPosition): StreamPosition => position;
/** In [0, 1). */
export const uniformOp: Op<StreamPosition> = new Op('random.uniform', { kernel: 'randomUniform', words });
/** Of mean 0 and standard deviation 1. */
export const normalOp: Op<StreamPosition> = new Op('random.normal', { kernel: 'randomNormal', words });
/** The numbers below the length of the result in random order. */
export const permutationOp: Op<StreamPosition> = new Op('random.shuffle', { kernel: 'randomPermutation', words });

/** Takes the next numbers of the stream; errors call the op `name`. */
export function draw(name: string, op: Op<StreamPosition>, dtype: DType, shape: Shape, stream: Stream): Tensor {
  const t = apply0(op.as(name), dtype, shape, [stream.low, stream.high, stream.offset]);
  // Whole blocks of four 64-bit draws, so that one op's numbers never depend on what another op drew.
  stream.offset += Math.ceil(sizeOf(shape) / 4) * 4;
  return t;
}
