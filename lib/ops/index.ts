/** The ops of `tf` without a namespace. */
export * from './add-n.js';
export { type ClipByGlobalNormOptions, clipByGlobalNorm } from './clip.js';
export * from './creation.js';
export * from './einsum.js';
export * from './join.js';
export * from './meshgrid.js';
export * from './methods.js';
export { dynamicStitch } from './partition.js';
export * from './query.js';
export { type ScatterOptions, scatterNd } from './scatter.js';
