/** What `tf.bitwise` has. */
export * from '../../primitives/bitwise.js';
