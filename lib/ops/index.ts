/** The ops of `tf` without a namespace. */
export * from './add-n.js';
export * from './creation.js';
export * from './join.js';
export * from './methods.js';
export * from './scatter.js';
