/** The ops of `tf` by themselves; those of its namespaces are in the folders. */
export * from './creation.js';
export * from './join.js';
export * from './methods.js';
export * from './scatter.js';
