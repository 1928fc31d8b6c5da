/** What `tf.linalg` has. */
export * from './factor.js';
export * from './least-squares.js';
export * from './norm.js';
export * from './product.js';
export * from './solve.js';
export * from './spectrum.js';
