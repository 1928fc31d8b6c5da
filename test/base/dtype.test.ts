// The rows of dtypes: what the library knows of each by name agrees with what its row says and with what its typed array does.
import { expect, it } from 'vitest';
import {
  accumulatorOf,
  type DType,
  dtypeBytes,
  dtypeCode,
  dtypes,
  dtypesOf,
  highestOf,
  isFloating,
  kindOf,
  lowestOf,
  numberAs,
  viewOf,
} from '../../lib/base/dtype.js';

it.each(dtypes)('%s', (dtype) => {
  expect(dtypes[dtypeCode[dtype]]).toBe(dtype);
  expect(isFloating(dtype)).toBe(kindOf[dtype] === 'floating');
  const view = viewOf(dtype, new ArrayBuffer(16), 0, 2);
  expect(view.BYTES_PER_ELEMENT).toBe(dtypeBytes[dtype]);
  expect(kindOf[accumulatorOf[dtype]]).toBe(kindOf[dtype] === 'boolean' ? 'integer' : kindOf[dtype]);
  expect(accumulatorOf[accumulatorOf[dtype]]).toBe(accumulatorOf[dtype]);
  for (const extreme of [highestOf[dtype], lowestOf[dtype]]) {
    view[0] = extreme;
    expect(view[0]).toBe(extreme);
    expect(numberAs('test', dtype, extreme)).toBe(extreme);
    if (kindOf[dtype] === 'floating') continue;
    for (const x of [highestOf[dtype] + 1, lowestOf[dtype] - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => numberAs('test', dtype, x), String(x)).toThrow(/^test: the number/);
    }
  }
});

it('kinds divide the dtypes', () => {
  const all = (['floating', 'integer', 'boolean'] as const).flatMap((kind) => dtypesOf(kind));
  expect(all).toEqual([...dtypes] satisfies DType[]);
  expect(numberAs('test', 'float32', 0.1)).toBe(Math.fround(0.1));
  expect(numberAs('test', 'float64', Number.NaN)).toBeNaN();
  expect(Object.is(numberAs('test', 'int32', -0), 0)).toBe(true);
  expect(Object.is(numberAs('test', 'float32', -0), -0)).toBe(true);
});
