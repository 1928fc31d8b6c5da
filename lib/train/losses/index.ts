/**
 * What `tf.losses` has: Keras' functions, with its order of arguments (truth, prediction). They give one loss for each
 * example, unless a reduction is asked for.
 */
export * from './crossentropy.js';
export * from './ctc.js';
export * from './hinge.js';
export type { LossOptions } from './loss.js';
export * from './regression.js';
