/** The ops of `tf` without a namespace. */
export * from './creation.js';
export * from './einsum.js';
export * from './join.js';
export * from './methods.js';
export * from './scatter.js';
