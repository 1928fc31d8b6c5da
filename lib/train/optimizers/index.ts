/** What `tf.optimizers` has: optimizers with Keras' defaults, and their base class. */
export * from '../optimizer.js';
export * from './adam.js';
export * from './sgd.js';
