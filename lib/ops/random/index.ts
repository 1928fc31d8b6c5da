/** What `tf.random` has. */
export * from './distributions.js';
export * from './state.js';
