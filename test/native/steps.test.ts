// Kernels that are no loop, as programs over the addon itself: what it tells of opcodes, results beyond the first, failures.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { DType } from '../../lib/base/dtype.js';
import type { Shape } from '../../lib/base/shape.js';
import { sizeOf } from '../../lib/base/shape.js';
import type { TensorBuffer } from '../../lib/engine/memory.js';
import { allocate } from '../../lib/engine/memory.js';
import * as native from '../../lib/engine/native.js';

function buffer(dtype: DType, numbers: readonly number[]): TensorBuffer {
  const made = allocate(dtype, numbers.length);
  made.elements.set(numbers);
  return made;
}

/** Runs one step over one operand; its results beyond the first are asked for with these dtypes and shapes. */
function runStep(
  name: string,
  dtype: DType,
  shape: Shape,
  numbers: readonly number[],
  attributes: readonly number[],
  more: readonly (readonly [DType, Shape])[] = [],
) {
  const x = buffer(dtype, numbers);
  native.begin();
  const step = native.write(
    native.opcodeOf(name),
    dtype,
    shape,
    [native.writeInput(x.address, dtype, shape)],
    attributes,
  );
  const results = more.map(([type, dims], k) => ({
    index: native.write(native.opcodeOf('result'), type, dims, [step], [k + 1]),
    buffer: allocate(type, sizeOf(dims)),
  }));
  const out = allocate(dtype, sizeOf(shape));
  native.writeOutput(step, out.address);
  for (const result of results) native.writeOutput(result.index, result.buffer.address);
  const failure = native.run();
  return { failure, results: [out, ...results.map((result) => result.buffer)].map((b) => Array.from(b.elements)) };
}

test('the addon tells of every opcode: which takes numbers, is cheap, is elementwise', () => {
  const list = readFileSync(join(import.meta.dirname, '../../native/steps/steps.def'), 'utf8');
  const steps = [...list.matchAll(/^STEP\((\w+)\)/gm)].map(([, name]) => name as string);
  expect(steps.length).toBeGreaterThan(20);
  for (const name of steps) {
    const opcode = native.opcodeOf(name);
    expect(native.takesNumbers[opcode], name).toBe(name.startsWith('random') ? 1 : 0);
    expect(native.isCheap[opcode], name).toBe(name === 'transpose' ? 1 : 0);
    expect(native.isElementwise[opcode], name).toBe(0);
  }
  for (const { opcode } of native.elementwiseKernels.values()) expect(native.isElementwise[opcode]).toBe(1);
  expect(native.isCheap[native.opcodeOf('reduceSum')]).toBe(0);
  expect(() => native.opcodeOf('nothing')).toThrow(/no kernel named nothing/);
});

test('cumsum: exclusive, reverse, along an axis that is not the last', () => {
  const numbers = [1, 2, 3, 4, 5, 6];
  const run = (attributes: number[]) => runStep('cumsum', 'float32', [2, 3], numbers, attributes).results[0];
  expect(run([2, 3, 1, 0, 0])).toEqual([1, 3, 6, 4, 9, 15]);
  expect(run([2, 3, 1, 1, 0])).toEqual([0, 1, 3, 0, 4, 9]);
  expect(run([2, 3, 1, 0, 1])).toEqual([6, 5, 3, 15, 11, 6]);
  expect(run([1, 2, 3, 0, 0])).toEqual([1, 2, 3, 5, 7, 9]);
  expect(run([1, 2, 3, 1, 1])).toEqual([4, 5, 6, 0, 0, 0]);
});

describe('cholesky', () => {
  test('reads the lower triangle, of each matrix of a batch', () => {
    const numbers = [4, 99, 2, 5, 9, 99, 3, 2];
    expect(runStep('cholesky', 'float64', [2, 2, 2], numbers, []).results[0]).toEqual([2, 0, 1, 2, 3, 0, 1, 1]);
  });

  test('fails by the name in failures.def, and tells which matrix and minor', () => {
    const { failure } = runStep('cholesky', 'float64', [3, 2, 2], [4, 0, 2, 5, 1, 0, 2, 1, -1, 0, 0, 1], []);
    expect(failure).toEqual({ status: 'notPositiveDefinite', value: 1, index: 1, length: 2 });
  });
});

describe('results beyond the first', () => {
  const numbers = [0, 2, 4, 8];

  test('have their own dtype and shape: lu and the rows that it exchanged', () => {
    const { failure, results } = runStep('lu', 'float32', [2, 2], numbers, [], [['int32', [2]]]);
    expect(failure).toBeNull();
    expect(results).toEqual([
      [4, 8, 0, 2],
      [1, 0],
    ]);
  });

  test('need not be asked for', () => {
    expect(runStep('lu', 'float32', [2, 2], numbers, []).results).toEqual([[4, 8, 0, 2]]);
  });

  test.each([
    ['a wrong dtype', [['float32', [2]]], /rows are int32/],
    ['a wrong shape', [['int32', [3]]], /wrong shape/],
    [
      'more than there are',
      [
        ['int32', [2]],
        ['int32', [2]],
      ],
      /no such result/,
    ],
  ] as const)('%s is a malformed program', (_, more, message) => {
    expect(() => runStep('lu', 'float32', [2, 2], numbers, [], more)).toThrow(message);
  });

  test('of a step that has one: a malformed program', () => {
    expect(() => runStep('cholesky', 'float32', [2, 2], [1, 0, 0, 1], [], [['int32', [2]]])).toThrow(/no such result/);
  });
});

test('a value of equal elements that replaces an input is written after everybody has read that', () => {
  const x = buffer('float32', [1, 2, 3, 4, 5, 6, 7, 8]);
  const [identity, neg, broadcast] = ['identity', 'neg', 'broadcast'].map(native.opcodeOf) as [number, number, number];
  native.begin();
  const input = native.writeInput(x.address, 'float32', [8]);
  const one = native.write1(identity, 'float32', [], native.writeLiteral(1, 'float32'));
  const old = native.write1(neg, 'float32', [8], input);
  const next = native.write1(neg, 'float32', [8], native.write1(broadcast, 'float32', [8], one));
  const out = allocate('float32', 8);
  native.writeOutput(old, out.address);
  native.writeReplacement(next, input);
  expect(native.run()).toBeNull();
  expect(Array.from(out.elements)).toEqual([-1, -2, -3, -4, -5, -6, -7, -8]);
  expect(Array.from(x.elements)).toEqual(new Array(8).fill(-1));
});
