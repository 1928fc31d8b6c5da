// Diagonals: reading, setting and making them are each other's inverses; dtypes; and what is refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

const { bandPart, diag, diagPart, matrixTranspose, setDiag, tensorDiag, tensorDiagPart, trace } = tf.linalg;

const aligns = ['RIGHT_LEFT', 'LEFT_RIGHT', 'LEFT_LEFT', 'RIGHT_RIGHT'] as const;

describe('several diagonals', () => {
  it.each(aligns)('%s: what diagPart reads of a band, diag and setDiag put back', (align) => {
    for (const [rows, columns] of [
      [4, 4],
      [3, 6],
      [5, 2],
    ] as const) {
      const x = tf.random.normal([2, rows, columns], { seed: rows });
      for (let lower = 1 - rows; lower < columns; lower++) {
        for (let upper = lower; upper < columns; upper++) {
          const k = [lower, upper] as const;
          const part = diagPart(x, { k, align, paddingValue: 9 });
          const offsets = tf.sub(
            tf.range(columns, { dtype: 'int32' }),
            tf.reshape(tf.range(rows, { dtype: 'int32' }), [rows, 1]),
          );
          const inside = tf.logicalAnd(tf.greaterEqual(offsets, lower), tf.lessEqual(offsets, upper));
          const band = tf.where(inside, x, -1);
          expect(setDiag(tf.fill([2, rows, columns], -1), part, { k, align }).arraySync()).toEqual(band.arraySync());
          const made = diag(part, { k, align, numRows: rows, numCols: columns, paddingValue: -1 });
          expect(made.arraySync()).toEqual(band.arraySync());
        }
      }
    }
  });

  it('the highest comes first, and shorter ones stand where align says', () => {
    const x = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    expect(diagPart(x, { k: [0, 1], align: 'RIGHT_LEFT' }).arraySync()).toEqual([
      [2, 6],
      [1, 5],
    ]);
    expect(diagPart(x, { k: [-1, 0], align: 'RIGHT_LEFT' }).arraySync()).toEqual([
      [1, 5],
      [4, 0],
    ]);
    expect(diagPart(x, { k: [-1, 0], align: 'LEFT_RIGHT' }).arraySync()).toEqual([
      [1, 5],
      [0, 4],
    ]);
  });
});

describe('dtypes', () => {
  it.each(['bool', 'uint8', 'int32', 'float32', 'float64'] as const)('%s', (dtype) => {
    const x = tf.cast(
      [
        [1, 0],
        [1, 1],
      ],
      dtype,
    );
    expect(
      [diag(diagPart(x)), bandPart(x, 0, 0), matrixTranspose(x), tensorDiag(diagPart(x))].map((t) => t.dtype),
    ).toEqual([dtype, dtype, dtype, dtype]);
    expect(tf.cast(setDiag(x, tf.cast([0, 0], dtype)), 'int32').arraySync()).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(tf.cast(diagPart(x, { k: [-1, 1] }), 'int32').arraySync()).toEqual([
      [0, 0],
      [1, 1],
      [1, 0],
    ]);
    if (dtype !== 'bool') expect(trace(x).item()).toBe(2);
  });

  it('a padding value that the dtype has not is refused', () => {
    expect(() => diag(tf.constant([1], { dtype: 'int32' }), { paddingValue: 0.5 })).toThrow('linalg.diag');
  });
});

describe('eye', () => {
  it('repeats the matrix along leading axes', () => {
    expect(tf.eye(2, 3, { batchShape: [2] }).arraySync()).toEqual([
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
    ]);
    expect(tf.eye(1, { batchShape: 3, dtype: 'int32' }).arraySync()).toEqual([[[1]], [[1]], [[1]]]);
    expect(tf.eye(2, { batchShape: [0] }).shape).toEqual([0, 2, 2]);
    expect(() => tf.eye(2, { batchShape: [-1] })).toThrow('eye: batchShape must be a list of integers >= 0');
  });
});

describe('arguments', () => {
  it.each([
    ['linalg.diagPart', () => diagPart([1]), 'expected matrices (rank >= 2), got shape [1]'],
    ['linalg.diagPart', () => diagPart([[1]], { k: 1 }), 'diagonal 1 does not exist in matrices [1, 1]'],
    ['linalg.diagPart', () => diagPart([[1]], { k: [1, 0] }), 'k must be [lowest, highest], got [1, 0]'],
    ['linalg.diagPart', () => diagPart([[1]], { k: 0.5 }), 'k must be a whole number or a pair of these, got 0.5'],
    ['linalg.diagPart', () => diagPart([[1]], { align: 'LEFT' as never }), "align must be 'RIGHT_LEFT', "],
    ['linalg.diag', () => diag(1), 'expected diagonals [..., length], got shape []'],
    ['linalg.diag', () => diag([[1], [2]], { k: [-1, 1] }), 'expected diagonals [..., 3, length], got shape [2, 1]'],
    ['linalg.diag', () => diag([1, 2], { numRows: 1 }), 'diagonals [2] do not fit matrices [1, 2]'],
    ['linalg.setDiag', () => setDiag([[1, 2]], [1, 2]), 'expected diagonals [1] for matrices [1, 2], got shape [2]'],
    ['linalg.bandPart', () => bandPart([[1]], 0.5, 0), 'lower must be a whole number'],
    [
      'linalg.bandPart',
      () => bandPart([[1, 2]], 2, 0),
      'lower must be negative or at most 1, the number of rows, got 2',
    ],
    [
      'linalg.bandPart',
      () => bandPart([[1, 2]], 1, 3),
      'upper must be negative or at most 2, the number of columns, got 3',
    ],
    ['linalg.trace', () => trace([[true]]), 'expected dtype'],
    ['linalg.tensorDiagPart', () => tensorDiagPart([[1, 2]]), 'expected a shape of two equal halves, got shape [1, 2]'],
    ['linalg.tensorDiagPart', () => tensorDiagPart([1]), 'expected a shape of two equal halves, got shape [1]'],
    ['linalg.matrixTranspose', () => matrixTranspose([1]), 'expected matrices (rank >= 2), got shape [1]'],
  ] as const)('%s says what it cannot take', (name, call, message) => {
    expect(call).toThrow(`${name}: ${message}`);
  });
});
