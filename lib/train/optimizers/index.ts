/** What `tf.optimizers` has: optimizers with Keras' defaults, and the class that others are made of. */
export * from '../optimizer.js';
export * from './adam.js';
export * from './sgd.js';
