// Kernels that are no loop, as programs over the addon itself: what it tells of opcodes, results beyond the first, failures.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type DType, dtypeBytes, dtypes, kindOf } from '../../lib/base/dtype.js';
import type { Shape } from '../../lib/base/shape.js';
import { sizeOf } from '../../lib/base/shape.js';
import { addon, elementwiseKernels, isCheap, isElementwise, opcodeOf, takesNumbers } from '../../lib/engine/addon.js';
import type { TensorBuffer } from '../../lib/engine/buffers.js';
import { allocate } from '../../lib/engine/buffers.js';
import * as program from '../../lib/engine/program.js';

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
  program.begin();
  const step = program.write(opcodeOf(name), dtype, shape, [program.writeInput(x.address, dtype, shape)], attributes);
  const results = more.map(([type, dims], k) => ({
    index: program.write(opcodeOf('result'), type, dims, [step], [k + 1]),
    buffer: allocate(type, sizeOf(dims)),
  }));
  const out = allocate(dtype, sizeOf(shape));
  program.writeOutput(step, out.address);
  for (const result of results) program.writeOutput(result.index, result.buffer.address);
  const failure = program.run();
  return { failure, results: [out, ...results.map((result) => result.buffer)].map((b) => Array.from(b.elements)) };
}

test('the addon tells of every opcode: which takes numbers, is cheap, is elementwise', () => {
  const list = readFileSync(join(import.meta.dirname, '../../native/steps/steps.def'), 'utf8');
  const steps = [...list.matchAll(/^STEP\((\w+)\)/gm)].map(([, name]) => name as string);
  expect(steps.length).toBeGreaterThan(20);
  for (const name of steps) {
    const opcode = opcodeOf(name);
    expect(takesNumbers[opcode], name).toBe(name.startsWith('random') ? 1 : 0);
    expect(isCheap[opcode], name).toBe(name === 'transpose' ? 1 : 0);
    expect(isElementwise[opcode], name).toBe(0);
  }
  for (const { opcode } of elementwiseKernels.values()) expect(isElementwise[opcode]).toBe(1);
  expect(isCheap[opcodeOf('reduceSum')]).toBe(0);
  expect(() => opcodeOf('nothing')).toThrow(/no kernel named nothing/);
});

test('the rows of dtypes are the same on both sides', () => {
  expect(addon.dtypes).toEqual(dtypes.map((name) => ({ name, kind: kindOf[name], bytes: dtypeBytes[name] })));
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

test('causalSoftmax: each row over the elements that it sees, in every matrix', () => {
  const [out] = runStep('causalSoftmax', 'float64', [2, 2, 3], new Array(12).fill(5), [0]).results;
  expect(out).toEqual([1, 0, 0, 0.5, 0.5, 0, 1, 0, 0, 0.5, 0.5, 0]);
  const [later] = runStep('causalSoftmax', 'float64', [3, 2], [1, 1, 2, 2, 3, 3], [1]).results;
  expect(later).toEqual([0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  expect(() => runStep('causalSoftmax', 'float64', [2, 2], [1, 1, 2, 2], [-1])).toThrow(/negative attribute/);
});

describe('cholesky', () => {
  test('reads the lower triangle, of each matrix of a batch', () => {
    const numbers = [4, 99, 2, 5, 9, 99, 3, 2];
    expect(runStep('cholesky', 'float64', [2, 2, 2], numbers, []).results[0]).toEqual([2, 0, 1, 2, 3, 0, 1, 1]);
  });

  test('fails by the line in failures.def, and tells which matrix and minor', () => {
    const { failure } = runStep('cholesky', 'float64', [3, 2, 2], [4, 0, 2, 5, 1, 0, 2, 1, -1, 0, 0, 1], []);
    expect(failure).toEqual({
      status: 'notPositiveDefinite',
      code: 'ERR_NOT_POSITIVE_DEFINITE',
      message: 'matrix 1 is not positive definite: its leading minor of order 2 is not positive',
      value: 1,
    });
  });
});

describe('triangularSolve', () => {
  /** Solves by the triangle of `a` that attribute 0 tells, transposed if attribute 1 says so. */
  function solve(a: readonly number[], aShape: Shape, b: readonly number[], bShape: Shape, attributes: number[]) {
    const [left, right] = [buffer('float64', a), buffer('float64', b)];
    program.begin();
    const operands = [
      program.writeInput(left.address, 'float64', aShape),
      program.writeInput(right.address, 'float64', bShape),
    ];
    const out = allocate('float64', sizeOf(bShape));
    const index = program.write(opcodeOf('triangularSolve'), 'float64', bShape, operands, attributes);
    program.writeOutput(index, out.address);
    const failure = program.run();
    return { failure, x: Array.from(out.elements) };
  }

  test.each([
    ['lower', [1, 0], [2, NaN, 3, 4], [1, 2, 1.25, 1.5]], // 2 x0 = b0; 3 x0 + 4 x1 = b1
    ['lower, transposed', [1, 1], [2, NaN, 3, 4], [-2, -2.5, 2, 3]],
    ['upper', [0, 0], [2, 3, NaN, 4], [-2, -2.5, 2, 3]],
    ['upper, transposed', [0, 1], [2, 3, NaN, 4], [1, 2, 1.25, 1.5]],
  ] as const)('%s', (_, attributes, a, x) => {
    expect(solve(a, [2, 2], [2, 4, 8, 12], [2, 2], [...attributes])).toEqual({ failure: null, x });
  });

  test('of every matrix of a batch, with many columns', () => {
    const [n, columns] = [3, 700];
    const a = [1, 0, 0, 2, 4, 0, -1, 1, 2, 2, 0, 0, 0, 1, 0, 3, -2, 4];
    const x = Array.from({ length: 2 * n * columns }, (_, i) => ((i * 7) % 16) - 8);
    const b = x.map((_, at) => {
      const [batch, i, c] = [Math.floor(at / (n * columns)), Math.floor(at / columns) % n, at % columns];
      let sum = 0;
      for (let k = 0; k < n; k++)
        sum += (a[(batch * n + i) * n + k] as number) * (x[(batch * n + k) * columns + c] as number);
      return sum;
    });
    expect(solve(a, [2, n, n], b, [2, n, columns], [1, 0])).toEqual({ failure: null, x });
  });

  test('fails where the diagonal has a zero', () => {
    const { failure } = solve([1, 0, 0, 1, 1, 0, 3, 0], [2, 2, 2], [1, 1, 1, 1], [2, 2, 1], [1, 0]);
    expect(failure).toEqual({
      status: 'singular',
      code: 'ERR_SINGULAR',
      message: 'matrix 1 is not invertible: element 1 of its diagonal is zero',
      value: 2,
    });
  });
});

describe('results beyond the first', () => {
  const numbers = [0, 2, 4, 8];

  test('have their own dtype and shape: lu, the rows that it exchanged, and the sign of that', () => {
    const more = [
      ['int32', [2, 2]],
      ['float32', [2]],
    ] as const;
    const { failure, results } = runStep('lu', 'float32', [2, 2, 2], [...numbers, 4, 8, 0, 2], [0], more);
    expect(failure).toBeNull();
    expect(results).toEqual([
      [4, 8, 0, 2, 4, 8, 0, 2],
      [1, 0, 0, 1],
      [-1, 1],
    ]);
  });

  test('need not be asked for', () => {
    expect(runStep('lu', 'float32', [2, 2], numbers, [0]).results).toEqual([[4, 8, 0, 2]]);
  });

  test.each([
    ['a wrong dtype', [['float32', [2]]], /rows are int32/],
    ['a wrong shape', [['int32', [3]]], /wrong shape/],
    [
      'more than there are',
      [
        ['int32', [2]],
        ['float32', []],
        ['int32', [2]],
      ],
      /no such result/,
    ],
  ] as const)('%s is a malformed program', (_, more, message) => {
    expect(() => runStep('lu', 'float32', [2, 2], numbers, [0], more)).toThrow(message);
  });

  test('of a step that has one: a malformed program', () => {
    expect(() => runStep('cholesky', 'float32', [2, 2], [1, 0, 0, 1], [], [['int32', [2]]])).toThrow(/no such result/);
  });
});

test('a value of equal elements that replaces an input is written after everybody has read that', () => {
  const x = buffer('float32', [1, 2, 3, 4, 5, 6, 7, 8]);
  const [identity, neg, broadcast] = ['identity', 'neg', 'broadcast'].map(opcodeOf) as [number, number, number];
  program.begin();
  const input = program.writeInput(x.address, 'float32', [8]);
  const one = program.write1(identity, 'float32', [], program.writeLiteral(1, 'float32'));
  const old = program.write1(neg, 'float32', [8], input);
  const next = program.write1(neg, 'float32', [8], program.write1(broadcast, 'float32', [8], one));
  const out = allocate('float32', 8);
  program.writeOutput(old, out.address);
  program.writeReplacement(next, input);
  expect(program.run()).toBeNull();
  expect(Array.from(out.elements)).toEqual([-1, -2, -3, -4, -5, -6, -7, -8]);
  expect(Array.from(x.elements)).toEqual(new Array(8).fill(-1));
});
