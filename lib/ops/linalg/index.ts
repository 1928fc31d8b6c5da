/** What `tf.linalg` has. */
export * from './factor.js';
export * from './solve.js';
