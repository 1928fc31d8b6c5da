// Every public function, of every namespace, names itself in its errors as users call it: nn.relu, linalg.solve, optimizers.Adam.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../support/errors.js';
import { pending } from '../support/tensors.js';

type Fn = (...args: unknown[]) => unknown;

const symbol = Symbol('s');
const unknown = { nope: 1 };
const bool = tf.constant([true, false]);
// Each function refuses some of these, in the checks of its operands, its options and their number.
const bad: readonly (readonly unknown[])[] = [
  ...[0, 1, 2, 3, 4].map((count) => [...new Array<unknown>(count).fill([1, 2]), unknown]),
  [],
  [symbol],
  [symbol, symbol, symbol],
  [[1, [2]]],
  [bool, bool, bool],
  [[1, 2], 1, 2, 3, 4, 5, 6, 7],
  new Array<unknown>(8).fill([1]),
  [-1.5, -1.5, -1.5],
];

/** Functions without arguments, and one that takes anything. */
const silent = ['deviceInfo', 'random.getState', 'trainableVariables'];

/** The functions and classes in an object of the library and its namespaces, by their full names. */
function functionsIn(holder: object, prefix = ''): [string, Fn][] {
  return Object.entries(holder).flatMap(([name, value]): [string, Fn][] => {
    if (typeof value === 'function') return value.prototype instanceof Error ? [] : [[prefix + name, value as Fn]];
    const isNamespace = typeof value === 'object' && value !== null && value !== tf.config;
    return isNamespace ? functionsIn(value as object, `${prefix}${name}.`) : [];
  });
}

async function messagesOf(f: Fn): Promise<string[]> {
  const isClass = /^class\b/.test(Function.prototype.toString.call(f));
  const messages: string[] = [];
  for (const args of bad) {
    try {
      await (isClass ? Reflect.construct(f, args) : f(...args));
    } catch (error) {
      messages.push((error as Error).message);
    }
  }
  return messages;
}

const functions = functionsIn(tf);

it('finds the functions of the namespaces', () => {
  expect(functions.length).toBeGreaterThan(300);
  const namespaces = new Set(functions.map(([name]) => name.replace(/\w+$/, '')));
  expect(namespaces).toContain('optimizers.schedules.');
  expect(namespaces.size).toBeGreaterThan(7);
});

it.each(functions)('%s', async (name, f) => {
  // `variable(...)` is `new Variable(...)`.
  const called = name === 'variable' ? /^variable: |^Variable: / : new RegExp(`^${name.replaceAll('.', '\\.')}: `);
  const messages = await messagesOf(f);
  if (!silent.includes(name)) expect(messages.length, 'it refuses something').toBeGreaterThan(0);
  expect(messages.filter((message) => !called.test(message))).toEqual([]);
});

describe('where the error shows late', () => {
  const class7 = (): tf.Tensor => pending(tf.constant([7], { dtype: 'int32' }));
  it.each<[string, () => tf.Tensor]>([
    ['nn.embeddingLookup', () => tf.nn.embeddingLookup([[1, 2]], class7())],
    ['nn.sparseSoftmaxCrossEntropyWithLogits', () => tf.nn.sparseSoftmaxCrossEntropyWithLogits(class7(), [[1, 2]])],
    ['linalg.solve', () => tf.linalg.solve(pending(tf.zeros([1, 1])), [[1]])],
  ])('%s', (name, make) => {
    const late = make();
    expect(errorOf(() => late.dataSync()).message).toMatch(new RegExp(`^${name}: `));
  });

  it('in what config.checkNumerics reports', () => {
    tf.config.checkNumerics = true;
    try {
      expect(errorOf(() => tf.nn.softmaxCrossEntropyWithLogits([[3e38, 3e38]], [[-3e38, 3e38]])).message).toMatch(
        /^nn\.softmaxCrossEntropyWithLogits: /,
      );
    } finally {
      tf.config.checkNumerics = false;
    }
  });
});
