// einsum and its relatives beside loops in plain JavaScript; the order of contractions; what is refused.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../support/errors.js';
import { numbers } from '../support/numbers.js';
import { ints } from '../support/tensors.js';

/** The sum of products, label by label, over all values of all labels. */
function byLoops(inputs: readonly string[], out: string, operands: readonly tf.Tensor[]): number[] {
  const lengths = new Map<string, number>();
  inputs.forEach((term, k) => {
    [...term].forEach((label, d) => {
      lengths.set(label, operands[k]?.shape[d] as number);
    });
  });
  const labels = [...lengths.keys()];
  const data = operands.map((t) => t.dataSync());
  const placeOf = (term: string, at: ReadonlyMap<string, number>): number =>
    [...term].reduce((place, label) => place * (lengths.get(label) as number) + (at.get(label) as number), 0);
  const result = new Array<number>([...out].reduce((n, label) => n * (lengths.get(label) as number), 1)).fill(0);
  const walk = (k: number, at: Map<string, number>): void => {
    if (k === labels.length) {
      const product = inputs.reduce((p, term, i) => p * (data[i]?.[placeOf(term, at)] as number), 1);
      result[placeOf(out, at)] = (result[placeOf(out, at)] as number) + product;
      return;
    }
    const label = labels[k] as string;
    for (let i = 0; i < (lengths.get(label) as number); i++) walk(k + 1, at.set(label, i));
  };
  walk(0, new Map());
  return result;
}

describe('einsum', () => {
  it('gives what loops give, for random equations', () => {
    const next = numbers(31);
    const below = (n: number): number => Math.floor(next() * n);
    const lengths = { a: 2, b: 3, c: 1, d: 2 } as const;
    for (let round = 0; round < 300; round++) {
      const inputs = Array.from({ length: 1 + below(4) }, () =>
        Array.from({ length: below(4) }, () => 'abcd'[below(4)] as string).join(''),
      );
      const used = [...new Set(inputs.join(''))];
      const out = used
        .filter(() => next() < 0.5)
        .sort(() => next() - 0.5)
        .join(''); // prettier-ignore
      const operands = inputs.map((term) => {
        const shape = [...term].map((label) => lengths[label as keyof typeof lengths]);
        const size = shape.reduce((p: number, n) => p * n, 1);
        return tf.constant(
          Int32Array.from({ length: size }, () => below(9) - 4),
          { shape },
        );
      });
      const equation = `${inputs.join()}->${out}`;
      for (const optimize of ['greedy', 'optimal'] as const) {
        const got = tf.einsum(equation, ...operands, { optimize });
        expect(Array.from(got.dataSync()), `${equation} ${optimize}`).toEqual(
          byLoops(inputs, out, operands).map((n) => n + 0),
        );
      }
    }
  });

  it('contracts in an order in which nothing is large', () => {
    // From the left, a, b and c together would have 7e10 elements.
    const [a, b, c] = [tf.ones([4096]), tf.ones([2048]), tf.ones([8192])];
    for (const optimize of ['greedy', 'optimal'] as const) {
      expect(tf.einsum('a,b,c,a,b,c->', a, b, c, a, b, c, { optimize }).item()).toBe(4096 * 2048 * 8192);
    }
  });

  it('plans anew for other shapes', () => {
    expect(tf.einsum('ij,j->i', [[1, 2]], [3, 4]).arraySync()).toEqual([11]);
    expect(tf.einsum('ij,j->i', [[1], [2]], [3]).arraySync()).toEqual([3, 6]);
    for (let n = 1; n < 300; n++) expect(tf.einsum('i->', tf.ones([n])).item()).toBe(n);
  });

  it('of one operand is another tensor', () => {
    const x = tf.constant([1, 2]);
    expect(tf.einsum('i->i', x)).not.toBe(x);
  });

  it('refuses what does not fit', () => {
    const m = tf.ones([2, 3]);
    const calls: [string, () => unknown][] = [
      ['ERR_VALUE', () => tf.einsum('ij', m, m)],
      ['ERR_VALUE', () => tf.einsum('ij,jk->ik', m)],
      ['ERR_VALUE', () => tf.einsum('ij->k', m)],
      ['ERR_VALUE', () => tf.einsum('ij->ii', m)],
      ['ERR_VALUE', () => tf.einsum('i->i', m)],
      ['ERR_VALUE', () => tf.einsum('ijk...->i', m)],
      ['ERR_VALUE', () => tf.einsum('...j->j', m)],
      ['ERR_VALUE', () => tf.einsum('i1->i', m)],
      ['ERR_VALUE', () => tf.einsum('ij->i->j', m)],
      ['ERR_VALUE', () => tf.einsum('i..j->i', m)],
      ['ERR_VALUE', () => tf.einsum('->')],
      ['ERR_VALUE', () => tf.einsum(m as never, m)],
      ['ERR_SHAPE', () => tf.einsum('ii->i', m)],
      ['ERR_SHAPE', () => tf.einsum('ij,jk->ik', m, m)],
      ['ERR_SHAPE', () => tf.einsum('...j,...j->...', tf.ones([2, 3]), tf.ones([4, 3]))],
      [
        'ERR_DTYPE',
        () =>
          tf.einsum(
            'ij,ij->',
            m,
            ints([
              [1, 2, 3],
              [4, 5, 6],
            ]),
          ),
      ], // prettier-ignore
      ['ERR_DTYPE', () => tf.einsum('i->', tf.ones([2], { dtype: 'uint8' }))],
      ['ERR_OPTION', () => tf.einsum('ij->', m, { optimize: 'best' } as never)],
    ];
    for (const [code, call] of calls) {
      const error = errorOf(call);
      expect(error.code, String(call)).toBe(code);
      expect(error.message).toContain('einsum');
    }
  });
});

describe('products of vectors and matrices', () => {
  it('refuse what does not fit', () => {
    const m = tf.ones([2, 3]);
    const { cross, inner, kron, matvec, outer } = tf.linalg;
    const calls: [string, string, () => unknown][] = [
      ['tensordot', 'ERR_VALUE', () => tf.tensordot(m, m, 3)],
      ['tensordot', 'ERR_VALUE', () => tf.tensordot(m, m, -1)],
      ['tensordot', 'ERR_VALUE', () => tf.tensordot(m, m, [[0, 1], [0]])],
      ['tensordot', 'ERR_VALUE', () => tf.tensordot(m, m, [[0]] as never)],
      [
        'tensordot',
        'ERR_AXIS',
        () =>
          tf.tensordot(m, m, [
            [0, 0],
            [0, 1],
          ]),
      ], // prettier-ignore
      ['tensordot', 'ERR_AXIS', () => tf.tensordot(m, m, [[2], [0]])],
      ['tensordot', 'ERR_SHAPE', () => tf.tensordot(m, m, 1)],
      ['linalg.matvec', 'ERR_SHAPE', () => matvec(m, [1, 2])],
      ['linalg.matvec', 'ERR_OPTION', () => matvec(m, [1, 2], { transposeA: true, adjointA: true })],
      ['linalg.matvec', 'ERR_SHAPE', () => matvec([1], [1])],
      ['linalg.cross', 'ERR_SHAPE', () => cross(m, [1, 2, 3])],
      ['linalg.cross', 'ERR_SHAPE', () => cross([1, 2], [1, 2])],
      ['linalg.cross', 'ERR_DTYPE', () => cross([true, true, true], [true, true, true])],
      ['linalg.outer', 'ERR_DTYPE', () => outer([true], [true])],
      ['linalg.inner', 'ERR_SHAPE', () => inner(m, [1, 2])],
      ['linalg.kron', 'ERR_SHAPE', () => kron(tf.ones([1, 1, 1, 1, 1, 1, 1, 1, 1]), [1])],
    ];
    for (const [name, code, call] of calls) {
      const error = errorOf(call);
      expect(error.code, String(call)).toBe(code);
      expect(error.message).toContain(name);
    }
  });
});
