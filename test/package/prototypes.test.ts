// How V8 keeps the methods, in a process of its own, over dist: a prototype with slow properties is a hash table, which each call
// searches.
import { expect, it } from 'vitest';
import { child } from '../support/child.js';

it('the prototypes of tensors have fast properties', async () => {
  const [none, ...all] = await child<boolean[]>(`
    const { setFlagsFromString } = await import('node:v8');
    setFlagsFromString('--allow-natives-syntax');
    const isFast = new Function('object', 'return %HasFastProperties(object)');
    const all = [isFast(Object.create(null))];
    for (let p = tf.Tensor.prototype; p !== Object.prototype; p = Object.getPrototypeOf(p)) all.push(isFast(p));
    done(all);`);
  expect(none).toBe(false);
  expect(all.length).toBeGreaterThan(1);
  expect(all).not.toContain(false);
});
