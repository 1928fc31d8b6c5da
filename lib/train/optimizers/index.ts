/** What `tf.optimizers` has: optimizers with Keras' defaults, and their base class; `schedules` of learning rates. */
export * from '../optimizer.js';
export * as schedules from '../schedules.js';
export * from './adadelta.js';
export * from './adagrad.js';
export * from './adam.js';
export * from './adamax.js';
export * from './ftrl.js';
export * from './lion.js';
export * from './nadam.js';
export * from './rmsprop.js';
export * from './sgd.js';
