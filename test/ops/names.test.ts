// Ops, kernels, exports and methods name the same things.
import * as tf from 'gradtape';
import { expect, it } from 'vitest';
import { elementwiseKernels } from '../../lib/engine/addon.js';
import { registry } from '../../lib/op/registry.js';
import * as ops from '../../lib/ops/index.js';
import * as methods from '../../lib/ops/methods.js';
import * as nnMethods from '../../lib/ops/nn/methods.js';
import { namespaces } from '../support/files.js';

it('every elementwise kernel of the addon has an op of its arity', () => {
  expect(elementwiseKernels.size).toBeGreaterThan(40);
  for (const [name, kernel] of elementwiseKernels) {
    const info = registry.get(name);
    expect(info ?? Reflect.get(methods, name), `kernel ${name} has no op`).toBeDefined();
    if (!info) continue; // identity and where are no members of a family
    expect(info?.arity, name).toBe(kernel.arity);
    expect(info?.family === 'predicate', name).toBe(kernel.toBool);
    expect(kernel.dtypes.length, name).toBeGreaterThan(0);
  }
  for (const name of registry.keys()) expect(elementwiseKernels.has(name), `op ${name} has no kernel`).toBe(true);
});

it('every public function of lib/ops is exported as it is named, in one place', () => {
  const top = tf as unknown as Record<string, unknown>;
  for (const [name, fn] of Object.entries(ops)) expect(top[name], name).toBe(fn);
  for (const namespace of namespaces.filter((name) => name !== '')) {
    for (const [name, fn] of Object.entries(top[namespace] as object)) {
      expect(fn, `${namespace}.${name}`).toBeTypeOf('function');
      expect(top[name], `${name} has two spellings`).toBeUndefined();
    }
  }
});

it('every op whose first argument is a tensor is a method of tensors and variables', () => {
  for (const name of Object.keys({ ...methods, ...nnMethods })) {
    expect(Reflect.get(tf.Tensor.prototype, name), name).toBeTypeOf('function');
    expect(Reflect.get(tf.Variable.prototype, name), name).toBeTypeOf('function');
  }
  for (const name of ['concat', 'stack', 'scatterNd', 'zeros', 'reluGrad', 'conv2dBackpropInput']) {
    expect(Reflect.get(tf.Tensor.prototype, name), name).toBeUndefined();
  }
  const x = tf.constant([
    [1, 2],
    [3, 4],
  ]);
  expect(x.mul(2).reduceSum(0).arraySync()).toEqual([8, 12]);
  expect(new tf.Variable(x).matmul(x, { transposeB: true }).arraySync()).toEqual(
    tf.matmul(x, x, { transposeB: true }).arraySync(),
  );
  expect(x.at('::-1', 0).arraySync()).toEqual([3, 1]);
});

it('every function and method is named as users know it, for stack traces', () => {
  const { prototype } = tf.Tensor as unknown as { prototype: object };
  const ofOps = namespaces.filter((name) => name !== '').map((name) => Reflect.get(tf, name) as object);
  const modules = [tf, ...ofOps, tf.losses, tf.metrics, tf.data, tf.initializers, tf.optimizers].flatMap(
    Object.entries,
  );
  const members = [prototype, tf.Variable.prototype, Object.getPrototypeOf(prototype) as object].flatMap((of) =>
    Object.entries(Object.getOwnPropertyDescriptors(of)).map(([key, { value }]) => [key, value] as const),
  );
  const functions = [...modules, ...members].filter(
    ([key, value]) => typeof value === 'function' && key !== 'constructor',
  );
  expect(functions.length).toBeGreaterThan(250);
  const named = functions.map(([key, value]) => [key, (value as { name: string }).name]);
  expect(named.filter(([key, name]) => key !== name)).toEqual([]);
});
