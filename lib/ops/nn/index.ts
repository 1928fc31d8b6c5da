/** What `tf.nn` has. */
export * from './conv-backprop.js';
export * from './methods.js';
