// trainableVariables: what it finds, in which order, and what it leaves alone.
import { runInNewContext } from 'node:vm';
import * as tf from 'gradtape';
import { expect, it } from 'vitest';

class Dense {
  readonly units: number;
  readonly w: tf.Variable;
  readonly b: tf.Variable;
  readonly activation: (x: tf.Tensor) => tf.Tensor = tf.tanh;
  readonly cached: tf.Tensor = tf.ones([2]).add(1);
  constructor(name: string) {
    this.units = 3;
    this.w = new tf.Variable([1], { name: `${name}/w` });
    this.b = new tf.Variable([2], { name: `${name}/b` });
  }
}

const names = (x: unknown): string[] => tf.trainableVariables(x).map((v) => v.name);

it('finds variables in instances, arrays, Maps, Sets and nests, in order, each once', () => {
  const shared = new Dense('shared');
  class Model {
    layers = [new Dense('first'), shared];
    heads = new Map<string, unknown>([
      ['a', new Dense('a')],
      ['b', { deep: [[new Dense('b')]] }],
    ]);
    extras = new Set([new tf.Variable(1, { name: 'extra' }), shared.w]);
    again = shared;
    nothing = null;
    missing = undefined;
    text = 'text';
    scale = new tf.Variable(1, { name: 'scale' });
    moving = new tf.Variable(1, { name: 'moving', trainable: false });
  }
  const expected = [...['first/w', 'first/b', 'shared/w', 'shared/b', 'a/w', 'a/b', 'b/w', 'b/b', 'extra', 'scale']];
  expect(names(new Model())).toEqual(expected);
  expect(names([new Model(), new Model().layers[0]])).toEqual(
    [...expected, 'first/w', 'first/b', 'first/w', 'first/b'].slice(0, 12),
  );
});

it('takes a variable, and what has none', () => {
  const v = new tf.Variable(1);
  expect(tf.trainableVariables(v)).toEqual([v]);
  expect(tf.trainableVariables(new tf.Variable(1, { trainable: false }))).toEqual([]);
  for (const value of [undefined, null, 3, 'x', 1n, Symbol('s'), () => 1, tf.ones([2]), new Float32Array(3), [], {}]) {
    expect(tf.trainableVariables(value)).toEqual([]);
  }
});

it('cycles, long chains and functions with properties', () => {
  const layer = Object.assign((x: tf.Tensor) => x, { w: new tf.Variable(1, { name: 'w' }) });
  const model: Record<string, unknown> = { layer };
  model['self'] = model;
  expect(names(model)).toEqual(['w']);
  let chain: unknown = layer;
  for (let i = 0; i < 100_000; i++) chain = i % 2 ? [chain] : { chain };
  expect(names(chain)).toEqual(['w']);
});

it('calls no getter, and passes over what cannot be read', () => {
  let called = 0;
  const v = new tf.Variable(1, { name: 'v' });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  class Model {
    v = v;
    gone = proxy;
    get dear(): never {
      called++;
      throw new Error('mine');
    }
  }
  const model = Object.defineProperty(new Model(), 'own', {
    enumerable: true,
    get: () => {
      called++;
      throw new Error('mine');
    },
  });
  expect(names(model)).toEqual(['v']);
  expect(names(new Proxy(model, {})), 'a proxy shows what it stands for').toEqual(['v']);
  expect(called).toBe(0);
});

it('finds them in objects of another realm', () => {
  const v = new tf.Variable(1, { name: 'v' });
  expect(names(runInNewContext('new Map([["a", [{ v }]]])', { v }))).toEqual(['v']);
});

it('no tape, tensor or optimizer adds any', () => {
  const v = new tf.Variable(1, { name: 'v' });
  const tape = new tf.GradientTape({ persistent: true });
  const y = tape.record(() => tf.square(v));
  const optimizer = new tf.optimizers.Adam();
  optimizer.applyGradients([[tape.gradient(y, v), v]]);
  expect(names({ tape, y })).toEqual([]);
  expect(names({ v, optimizer })).toEqual(['v']);
});

it('gives sources for gradient', () => {
  const layer = new Dense('layer');
  const tape = new tf.GradientTape({ unconnectedGradients: 'zero' });
  const loss = tape.record(() => tf.reduceSum(tf.mul(layer.w, 3)));
  const gradients = tape.gradient(loss, tf.trainableVariables(layer));
  expect(gradients.map((g) => g.arraySync())).toEqual([[3], [0]]);
});
