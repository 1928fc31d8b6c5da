// How V8 keeps the methods: a prototype with slow properties is a hash table, searched by each call.
import { setFlagsFromString } from 'node:v8';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';

it('the prototypes of tensors and variables have fast properties', () => {
  setFlagsFromString('--allow-natives-syntax');
  const isFast = new Function('object', 'return %HasFastProperties(object)') as (object: object) => boolean;
  setFlagsFromString('--no-allow-natives-syntax');
  expect(isFast(Object.create(null))).toBe(false);
  for (const value of [tf.constant(1), new tf.Variable(1)]) {
    let chain = 0;
    for (let p = Object.getPrototypeOf(value); p !== Object.prototype; p = Object.getPrototypeOf(p)) {
      expect(isFast(p)).toBe(true);
      chain++;
    }
    expect(chain).toBeGreaterThan(1);
  }
});
