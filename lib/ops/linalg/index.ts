/** What `tf.linalg` has. */
export * from './factor.js';
export * from './product.js';
export * from './solve.js';
