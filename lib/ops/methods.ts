/** The ops of `tf` whose first argument is a tensor: each is a method of tensors and variables too. */
export * from '../primitives/arithmetic.js';
export * from '../primitives/compare.js';
export * from '../primitives/cut.js';
export * from '../primitives/math.js';
export * from '../primitives/no-nan.js';
export * from '../primitives/special.js';
export { type ClipByNormOptions, type Clipped, type ClippedParts, clipByNorm, clipByValue } from './clip.js';
export * from './count.js';
export * from './gamma.js';
export * from './indexing.js';
export * from './movement.js';
export { type NormOrder, norm } from './norm.js';
export { dynamicPartition } from './partition.js';
export * from './product.js';
export * from './rearrange.js';
export * from './reduce.js';
export * from './scan.js';
export * from './segment.js';
export * from './select.js';
export * from './slicing.js';
export * from './sort.js';
export {
  tensorScatterNdAdd,
  tensorScatterNdMax,
  tensorScatterNdMin,
  tensorScatterNdSub,
  tensorScatterNdUpdate,
  type UpdateIndex,
  updateAt,
} from './tensor-scatter.js';
export * from './unique.js';
