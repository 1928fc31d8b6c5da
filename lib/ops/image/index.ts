/** What `tf.image` has. */
export * from './patches.js';
