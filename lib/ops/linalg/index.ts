/** What `tf.linalg` has. */
export * from './banded.js';
export * from './determinant.js';
export * from './diagonal.js';
export * from './factor.js';
export * from './functions.js';
export * from './least-squares.js';
export * from './norm.js';
export * from './product.js';
export * from './solve.js';
export * from './spectrum.js';
