import * as tf from 'gradtape';
import { casesOf } from '../op-cases.js';

const { scaledDotProductAttention: attention } = tf.nn;
const shapes = (...list: (readonly number[])[]) => list;
const three = shapes([2, 3, 2], [2, 4, 2], [2, 4, 3]);

casesOf(attention, [
  { shapes: three, call: (q, k, v) => attention(q, k, v) },
  { shapes: shapes([2, 1, 3, 2], [3, 4, 2], [1, 4, 1]), call: (q, k, v) => attention(q, k, v, { scale: 0.3 }) },
  { shapes: three, call: (q, k, v) => attention(q, k, v, { isCausal: true }) },
  {
    // The last query sees no key.
    shapes: three,
    call: (q, k, v) => {
      const mask = [
        [true, false, true, true],
        [true, false, false, false],
        [false, false, false, false],
      ];
      return attention(q, k, v, { mask });
    },
  },
  {
    shapes: three,
    call: (q, k, v) => attention(q, k, v, { isCausal: true, mask: tf.constant([[[true]], [[false]]]) }),
  },
  { shapes: shapes(...three, [3, 4]), call: (q, k, v, mask) => attention(q, k, v, { mask }) },
  { shapes: shapes(...three, [2, 1, 4]), call: (q, k, v, mask) => attention(q, k, v, { mask, isCausal: true }) },
  { shapes: shapes([3, 2], [4, 2], [4, 3]), call: (q, k, v) => attention(q, k, v, { dropout: 0.4, seed: 3 }) },
]);
