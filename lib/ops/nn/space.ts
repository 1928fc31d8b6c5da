/** Space and depth: square blocks of an image made channels of one pixel, and back. */
import { options, refuseBehind } from '../../base/arguments.js';
import { ShapeError } from '../../base/errors.js';
import { checkLength, guardShape, shapeOf } from '../../base/shape.js';
import type { Tensor } from '../../engine/tensor.js';
import { asTensor } from '../../op/operands.js';
import type { TensorLike } from '../../op/variable.js';
import { checkRank, type DataFormat, formatKind, fromFormat, imageAxes, inFormat } from '../../op/windows.js';
import { reshapeTo, transposeBy } from '../../primitives/movement.js';

/** The options of `spaceToDepth` and `depthToSpace`. */
export interface SpaceOptions {
  /** 'NHWC' (default): images are [batch, rows, columns, channels]; 'NCHW': [batch, channels, rows, columns]. */
  dataFormat?: DataFormat;
}

const spaceOptions = { dataFormat: formatKind } as const;

interface Image {
  readonly x: Tensor;
  readonly block: number;
  readonly format: DataFormat;
  readonly sizes: readonly [batch: number, rows: number, columns: number, channels: number];
}

function imageOf(op: string, x: TensorLike, blockSize: number, opts: SpaceOptions | undefined): Image {
  const { dataFormat: format = 'NHWC' } = options(op, spaceOptions, opts);
  const a = asTensor(op, x);
  const block = checkLength(op, 'blockSize', blockSize);
  if (block < 2) throw new ShapeError(`${op}: blockSize must be at least 2, got ${block}`);
  checkRank(op, 'an image', a, imageAxes[format]);
  return { x: a, block, format, sizes: fromFormat(a.shape, format) as Image['sizes'] };
}

/**
 * Blocks of blockSize x blockSize pixels, one beside the other, made one pixel each, whose channels are those of the
 * pixels in row-major order. Every dtype.
 * [batch, rows, columns, channels] -> [batch, rows / n, columns / n, n * n * channels]
 * @throws ShapeError for lengths that do not divide; ValueError ERR_OPTION
 */
export function spaceToDepth(x: TensorLike, blockSize: number, opts?: SpaceOptions): Tensor {
  const op = 'nn.spaceToDepth';
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const { x: a, block: n, format, sizes } = imageOf(op, x, blockSize, opts);
  const [batch, rows, columns, channels] = sizes;
  if (rows % n !== 0 || columns % n !== 0) {
    throw new ShapeError(`${op}: ${rows} rows and ${columns} columns do not divide into blocks of ${n}`);
  }
  const [p, q, depth] = [rows / n, columns / n, n * n * channels];
  const cut = format === 'NHWC' ? [batch, p, n, q, n, channels] : [batch, channels, p, n, q, n];
  const order = format === 'NHWC' ? [0, 1, 3, 2, 4, 5] : [0, 3, 5, 1, 2, 4];
  const shape = guardShape(op, [...inFormat([batch, p, q, depth], format)]);
  return reshapeTo(transposeBy(reshapeTo(a, shapeOf(cut)), order), shape);
}

/**
 * The inverse of `spaceToDepth`. Every dtype.
 * [batch, rows, columns, n * n * channels] -> [batch, n * rows, n * columns, channels]
 * @throws ShapeError for channels that do not divide; ValueError ERR_OPTION
 */
export function depthToSpace(x: TensorLike, blockSize: number, opts?: SpaceOptions): Tensor {
  const op = 'nn.depthToSpace';
  if (arguments.length > 3) refuseBehind(op, arguments[3]);
  const { x: a, block: n, format, sizes } = imageOf(op, x, blockSize, opts);
  const [batch, rows, columns, depth] = sizes;
  if (depth % (n * n) !== 0) {
    throw new ShapeError(`${op}: ${depth} channels do not divide into blocks of ${n} x ${n}`);
  }
  const channels = depth / (n * n);
  const cut = format === 'NHWC' ? [batch, rows, columns, n, n, channels] : [batch, n, n, channels, rows, columns];
  const order = format === 'NHWC' ? [0, 1, 3, 2, 4, 5] : [0, 3, 4, 1, 5, 2];
  const shape = guardShape(op, [...inFormat([batch, rows * n, columns * n, channels], format)]);
  return reshapeTo(transposeBy(reshapeTo(a, shapeOf(cut)), order), shape);
}
