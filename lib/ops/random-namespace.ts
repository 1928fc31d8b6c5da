/** What `tf.random` has: the functions of random.ts that users call. */
export {
  categorical,
  getState,
  type NormalOptions,
  normal,
  type RandomOptions,
  type RandomState,
  setSeed,
  setState,
  shuffle,
  truncatedNormal,
  type UniformOptions,
  uniform,
} from './random.js';
