/** What `tf.linalg` has. */
export {};
