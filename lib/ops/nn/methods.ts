/** The ops of `tf.nn` whose first argument is a tensor: each is a method too. */
export * from '../../primitives/activation.js';
export * from './activation.js';
export * from './attention.js';
export * from './bias.js';
export * from './conv.js';
export * from './cross-entropy.js';
export * from './dropout.js';
export * from './embedding.js';
export * from './normalization.js';
export * from './pool.js';
export * from './softmax.js';
export * from './space.js';
