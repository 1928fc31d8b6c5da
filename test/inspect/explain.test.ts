// Explaining gradients: every code of tape.explain, on live and on consumed tapes; the sentence of unconnectedGradients: 'throw'.
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { child, plain } from '../support/child.js';
import { errorOf, expectError } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';

restoreSettings();

type NumberLike = number | number[];

interface Question {
  readonly tape: tf.GradientTape;
  readonly target: tf.Nested<tf.Leaf>;
  readonly source: tf.Leaf;
}

interface Case {
  readonly name: string;
  readonly code: string;
  /** The op to blame. */
  readonly op?: string;
  readonly path?: readonly string[];
  /** Words of the message. */
  readonly says: RegExp;
  /** Whether names and links are needed for the exact answer. */
  readonly needsLinks?: boolean;
  readonly ask: (value: NumberLike) => Question;
}

/** A tape, a watched tensor, and what the function made of it. */
function watched(value: NumberLike, f: (x: tf.Tensor, tape: tf.GradientTape) => tf.Nested<tf.Leaf>): Question {
  const source = tf.constant(value);
  const tape = new tf.GradientTape();
  const target = tape.record(() => {
    tape.watch(source);
    return f(source, tape);
  });
  return { tape, target, source };
}

const squareOf = tf.customGradient((x: tf.Tensor) => ({ value: x.square(), gradFn: () => null }));

const cases: Case[] = [
  {
    name: 'a tensor that nobody watches',
    code: 'NOT_WATCHED',
    says: /does not watch.*tape\.watch/,
    ask: (value) => {
      const source = tf.constant(value);
      const tape = new tf.GradientTape();
      return { tape, target: tape.record(() => source.mul(source)), source };
    },
  },
  {
    name: 'a variable that is not trainable',
    code: 'NOT_WATCHED',
    says: /variable frozen.*not trainable/,
    ask: (value) => {
      const source = new tf.Variable(value, { trainable: false, name: 'frozen' });
      const tape = new tf.GradientTape();
      return { tape, target: tape.record(() => source.mul(2)), source };
    },
  },
  {
    name: 'a variable, of a tape that watches none',
    code: 'NOT_WATCHED',
    says: /watchAccessedVariables: false/,
    ask: (value) => {
      const source = new tf.Variable(value);
      const tape = new tf.GradientTape({ watchAccessedVariables: false });
      return { tape, target: tape.record(() => source.mul(2)), source };
    },
  },
  {
    name: 'watched after the target was computed',
    code: 'WATCHED_TOO_LATE',
    says: /watched after/,
    ask: (value) => {
      const source = tf.constant(value);
      const tape = new tf.GradientTape();
      const target = tape.record(() => {
        const y = source.square();
        tape.watch(source);
        return y;
      });
      return { tape, target, source };
    },
  },
  {
    name: 'watched after it was used on the way',
    code: 'WATCHED_TOO_LATE',
    op: 'square',
    says: /watched after square/,
    ask: (value) => {
      const source = tf.constant(value);
      const tape = new tf.GradientTape();
      const target = tape.record(() => {
        const y = source.square();
        tape.watch(source);
        return y.exp().mul(3);
      });
      return { tape, target, source };
    },
  },
  {
    name: 'the target was computed before',
    code: 'USED_OUTSIDE_TAPE',
    says: /before the tape recorded/,
    ask: (value) => {
      const source = tf.constant(value);
      const target = source.square();
      const tape = new tf.GradientTape();
      tape.record(() => tape.watch(source));
      return { tape, target, source };
    },
  },
  {
    name: 'the target was computed after',
    code: 'USED_OUTSIDE_TAPE',
    says: /after the tape/,
    ask: (value) => {
      const { tape, target, source } = watched(value, (x) => x.square());
      return { tape, target: (target as tf.Tensor).mul(2), source };
    },
  },
  {
    name: 'the target was computed while the tape was paused',
    code: 'USED_OUTSIDE_TAPE',
    says: /while the tape was paused/,
    ask: (value) => watched(value, (x, tape) => tape.stopRecording(() => x.square())),
  },
  {
    name: 'a value on the way was computed while the tape was paused',
    code: 'USED_OUTSIDE_TAPE',
    says: /while the tape was paused/,
    needsLinks: true,
    ask: (value) =>
      watched(value, (x, tape) => {
        const y = tape.stopRecording(() => x.square());
        return y.mul(3).add(x.exp().exp().exp().stopGradient());
      }),
  },
  {
    name: 'a value on the way was computed before',
    code: 'USED_OUTSIDE_TAPE',
    says: /before the tape recorded/,
    ask: (value) => {
      const source = tf.constant(value);
      const y = source.square();
      const tape = new tf.GradientTape();
      const target = tape.record(() => {
        tape.watch(source);
        return y.mul(3);
      });
      return { tape, target, source };
    },
  },
  {
    name: 'a variable that was read before',
    code: 'USED_OUTSIDE_TAPE',
    says: /while it recorded|before the tape/,
    ask: (value) => {
      const source = new tf.Variable(value);
      const y = source.square();
      const tape = new tf.GradientTape();
      return { tape, target: tape.record(() => y.mul(3)), source };
    },
  },
  {
    name: 'the target does not depend on it',
    code: 'NOT_ON_PATH',
    says: /does not depend/,
    ask: (value) => {
      const other = new tf.Variable(2, { name: 'other' });
      const { tape, target } = watched(value, (x) => [x.square(), other.mul(2)]);
      return { tape, target: (target as tf.Tensor[])[0] as tf.Tensor, source: other };
    },
  },
  {
    name: 'a variable that was never read',
    code: 'NOT_ON_PATH',
    says: /does not depend/,
    ask: (value) => ({ ...watched(value, (x) => x.square()), source: new tf.Variable(1) }),
  },
  {
    name: 'a target computed from constants',
    code: 'NOT_ON_PATH',
    says: /does not depend/,
    ask: (value) => {
      const c = tf.constant(3);
      return watched(value, () => c.mul(2));
    },
  },
  {
    name: 'an op without a gradient',
    code: 'BROKE_AT',
    op: 'floor',
    path: ['mul', 'floor', 'add'],
    says: /floor.*no gradient/,
    ask: (value) => watched(value, (x) => x.mul(2).floor().add(1)),
  },
  {
    name: 'an op of two operands without a gradient',
    code: 'BROKE_AT',
    op: 'floordiv',
    says: /floordiv.*no gradient/,
    ask: (value) => watched(value, (x) => tf.floordiv(x, 2).mul(2)),
  },
  {
    name: 'the different elements of a vector',
    code: 'BROKE_AT',
    op: 'unique',
    says: /unique.* has no gradient/,
    ask: (value) => watched(value, (x) => tf.unique(x.reshape([-1])).y.mul(2)),
  },
  {
    name: 'weights of a bincount',
    code: 'BROKE_AT',
    op: 'bincount',
    says: /bincount.* has no gradient/,
    ask: (value) =>
      watched(value, (x) => tf.bincount(tf.ones([x.size], { dtype: 'int32' }), { weights: x.reshape([-1]) })),
  },
  {
    name: 'an assignment before an update',
    code: 'ASSIGNED',
    says: /assignment to variable held/,
    ask: (value) => {
      const held = new tf.Variable(tf.zerosLike(value), { name: 'held' });
      return watched(value, (x) => {
        held.assign(x).assignAdd(tf.onesLike(x));
        return held.square();
      });
    },
  },
  {
    name: 'a step by a gradient that is the source',
    code: 'ASSIGNED',
    says: /assignment to variable held/,
    ask: (value) => {
      const held = new tf.Variable(tf.zerosLike(value), { name: 'held' });
      return watched(value, (x) => {
        new tf.optimizers.SGD({ learningRate: 1 }).applyGradients([[x, held]]);
        return held.square();
      });
    },
  },
  {
    name: 'stopGradient',
    code: 'STOPPED',
    op: 'stopGradient',
    path: ['square', 'stopGradient', 'mul'],
    says: /stopGradient.* stops/,
    ask: (value) => watched(value, (x) => x.square().stopGradient().mul(2)),
  },
  {
    name: 'an integer on the way',
    code: 'INTEGER_DTYPE',
    op: 'cast',
    says: /int32 at cast/,
    ask: (value) => watched(value, (x) => x.cast('int32').cast('float32').mul(2)),
  },
  {
    name: 'an integer source',
    code: 'INTEGER_DTYPE',
    says: /source.*is int32/,
    ask: (value) => {
      const x = tf.constant(value, { dtype: 'int32' });
      const tape = new tf.GradientTape();
      return { tape, target: tape.record(() => x.cast('float32')), source: x };
    },
  },
  {
    name: 'an integer target',
    code: 'INTEGER_DTYPE',
    op: 'greater',
    says: /target.* is bool.*; greater.* made it.*ask about what it was computed from/,
    ask: (value) => watched(value, (x) => x.greater(1)),
  },
  {
    name: 'elements that were read and came back',
    code: 'DETACHED',
    says: /left the library as numbers/,
    ask: (value) => watched(value, (x) => tf.constant(x.square().dataSync()).mul(2)),
  },
  {
    name: 'an array that was read and came back',
    code: 'DETACHED',
    says: /left the library as numbers/,
    ask: (value) => watched(value, (x) => tf.constant(x.square().arraySync() as number[]).mul(2)),
  },
  {
    name: 'a number that was read and came back',
    code: 'DETACHED',
    says: /left the library as numbers/,
    ask: (value) => watched(value, (x) => tf.constant([1, 2]).mul(x.square().reduceSum().item()).mul(3)),
  },
  {
    name: 'a value assigned to a variable',
    code: 'ASSIGNED',
    says: /variable state/,
    ask: (value) => {
      const v = new tf.Variable(tf.zerosLike(tf.constant(value)), { name: 'state' });
      return watched(value, (x) => {
        v.assign(x.square());
        return v.mul(3);
      });
    },
  },
  {
    name: 'a value added to a variable',
    code: 'ASSIGNED',
    says: /variable sum/,
    ask: (value) => {
      const v = new tf.Variable(tf.zerosLike(tf.constant(value)), { name: 'sum' });
      return watched(value, (x) => {
        v.assignAdd(x);
        return v.square();
      });
    },
  },
  {
    name: 'a target that is a variable',
    code: 'ASSIGNED',
    says: /variable out/,
    ask: (value) => {
      const v = new tf.Variable(tf.zerosLike(tf.constant(value)), { name: 'out' });
      return watched(value, (x) => v.assign(x.square()));
    },
  },
  {
    name: 'a custom gradient that is null',
    code: 'CUSTOM_NULL',
    says: /gave null/,
    ask: (value) => watched(value, (x) => squareOf(x).mul(2)),
  },
];

describe.each([
  ['a scalar', 3],
  ['a vector', [3, 4]],
] as const)('of %s', (_, value) => {
  const given = value as NumberLike;

  it.each(cases.filter(({ needsLinks }) => !needsLinks))('$code: $name', ({ ask, code, op, path, says }) => {
    const { tape, target, source } = ask(given);
    const answer = tape.explain(target, source);
    expect(answer.message).toMatch(says);
    expect(answer.code).toBe(code);
    if (op) expect(answer.op).toBe(op);
    if (path) expect(answer.path).toEqual(path);
    expect(tape.gradient(target, source), 'the gradient').toBeNull();
  });

  it.each(cases)('after the values were looked at, $code: $name', ({ ask, code, says }) => {
    tf.config.explain = true;
    const { tape, target, source } = ask(given);
    tf.evaluate(target, source);
    const answer = tape.explain(target, source);
    expect(answer.message).toMatch(says);
    expect(answer.code).toBe(code);
  });

  it.each(cases)('consumed, $code: $name', ({ ask, code, op, path, says }) => {
    tf.config.trackOrigin = true;
    const { tape, target, source } = ask(given);
    expect(tape.gradient(target, source)).toBeNull();
    const answer = tape.explain(target, source);
    expect(answer.message).toMatch(says);
    expect(answer.code).toBe(code);
    if (op) expect(answer.op).toBe(op);
    if (path) expect(answer.path).toEqual(path);
    if (answer.op || code === 'ASSIGNED' || code === 'DETACHED')
      expect(answer.at).toMatch(/explain\.test\.ts:\d+:\d+$/);
  });

  it.each(cases.filter(({ needsLinks }) => !needsLinks))('thrown, $code: $name', ({ ask, says }) => {
    const { tape, target, source } = ask(given);
    const error = expectError(
      () => tape.gradient(target, source, { unconnectedGradients: 'throw' }),
      tf.GradtapeError,
      'ERR_UNCONNECTED',
    );
    expect(error.message).toMatch(says);
  });
});

describe('where there is a gradient', () => {
  it('says so, with the path, and consumes nothing', () => {
    const { tape, target, source } = watched([1, 2], (x) => x.square().mul(3).reduceSum());
    const answer = tape.explain(target, source);
    expect(answer.code).toBe('CONNECTED');
    expect(answer.path).toEqual(['square', 'mul', 'reduceSum']);
    expect((tape.gradient(target, source) as tf.Tensor).arraySync()).toEqual([6, 12]);
  });

  it('tells zeros everywhere from other values', () => {
    const { tape, target, source } = watched([-1, -2], (x) => x.relu().reduceSum());
    expect(tape.explain(target, source).code).toBe('ZERO');
    const one = watched([-1, 2], (x) => x.relu().reduceSum());
    expect(one.tape.explain(one.target, one.source).code).toBe('CONNECTED');
  });

  it('of a target that is the source', () => {
    const x = tf.constant(1);
    const tape = new tf.GradientTape();
    tape.record(() => x.mul(2));
    expect(tape.explain(x, x).code).toBe('CONNECTED');
  });

  it('of several targets, if one has it; else the reason that says most', () => {
    const { tape, target, source } = watched(2, (x) => ({ a: x.floor(), b: [x.square()] }));
    expect(tape.explain(target, source).code).toBe('CONNECTED');
    const none = watched(2, (x) => [tf.constant(1).mul(2), x.floor()]);
    expect(none.tape.explain(none.target, none.source)).toMatchObject({ code: 'BROKE_AT', op: 'floor' });
  });

  it('of intermediates and variables, while it records and persistently', () => {
    const v = new tf.Variable([1, 2]);
    const tape = new tf.GradientTape({ persistent: true });
    tape.record(() => {
      const y = v.square();
      const z = y.exp();
      expect(tape.explain(z, y)).toMatchObject({ code: 'CONNECTED', path: ['exp'] });
      expect(tape.explain(y, z).code).toBe('NOT_ON_PATH');
      expect(tape.explain(z, v)).toMatchObject({ code: 'CONNECTED', path: ['square', 'exp'] });
      expect(tape.gradient(z, v)).not.toBeNull();
    });
  });

  it('a consumed tape knows that there was a path, and what asking took nothing from', () => {
    tf.config.explain = true;
    const { tape, target, source } = watched([1, 2], (x) => x.square().reduceSum());
    tape.gradient(target, source);
    expect(tape.explain(target, source)).toMatchObject({ code: 'CONNECTED', path: ['square', 'reduceSum'] });
    tape[Symbol.dispose]();
    expect(tape.explain(target, source).code).toBe('CONSUMED');
    const other = watched(2, (x) => x.square());
    other.tape[Symbol.dispose]();
    const { code, message } = other.tape.explain(other.target, other.source);
    expect(code).toBe('CONSUMED');
    expect(message).not.toMatch(/persistent|config/);
  });

  it.each(['data', 'array'] as const)('DETACHED by %s, awaited', async (method) => {
    const readers = { data: (t: tf.Tensor) => t.data(), array: (t: tf.Tensor) => t.array<number[]>() };
    const x = new tf.Variable([1, 2]);
    const tape = new tf.GradientTape();
    const y = await tape.recordAsync(async () => tf.constant(await readers[method](x.mul(2))).mul(3));
    expect(tape.explain(y, x)).toMatchObject({ code: 'DETACHED', op: 'mul' });
  });

  it('CONNECTED of a variable that was assigned after it had been read: the gradient is of the value that was read', () => {
    const v = new tf.Variable(2);
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      const read = v.square();
      v.assign(5);
      return read;
    });
    v.assign(7);
    expect(tape.explain(y, v).code).toBe('CONNECTED');
    expect(tape.gradient(y, v)?.item()).toBe(4);
  });

  it('ASSIGNED of a variable made of a value', () => {
    for (const links of [false, true]) {
      tf.config.explain = links;
      const x = new tf.Variable([1, 2]);
      const tape = new tf.GradientTape();
      const y = tape.record(() => new tf.Variable(x.mul(2), { name: 'copy' }).mul(3));
      expect(tape.explain(y, x)).toMatchObject({ code: 'ASSIGNED', message: expect.stringContaining('variable copy') });
    }
  });

  it('is thrown by batchJacobian too', () => {
    const x = new tf.Variable([[1, 2]]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => x.floor());
    const ask = (): unknown => tape.batchJacobian(y, x, { unconnectedGradients: 'throw' });
    expect(expectError(ask, tf.GradtapeError, 'ERR_UNCONNECTED').message).toMatch(/^batchJacobian: .*floor/);
  });

  it('does not tell to switch on what is on', () => {
    tf.config.explain = true;
    const v = new tf.Variable(1);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.ones([2]));
    expect(tape.explain(y, v).message).not.toMatch(/config/);
  });
});

describe('asking', () => {
  it('a consumed tape of which nothing was kept says how to switch that on', () => {
    const { tape, target, source } = watched(1, (x) => x.floor());
    tape.gradient(target, source);
    const answer = tape.explain(target, source);
    expect(answer.code).toBe('CONSUMED');
    expect(answer.message).toContain('config.explain = true');
  });

  it('refuses what is no tensor, and a tape that never recorded', () => {
    const { tape, target } = watched(1, (x) => x.floor());
    expectError(() => tape.explain(target, 3 as never), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
    expectError(() => tape.explain('y' as never, tf.constant(1)), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
    expect(errorOf(() => tape.explain(target, [target] as never)).message).toMatch(/^explain: the source must be one/);
    const fresh = new tf.GradientTape();
    expectError(() => fresh.explain(target, tf.constant(1)), tf.TapeError, 'ERR_TAPE_EMPTY');
  });

  it('the error of unconnectedGradients names the source and where it stands, and the tape is consumed', () => {
    const used = new tf.Variable(1, { name: 'used' });
    const cut = new tf.Variable(2, { name: 'cut' });
    const tape = new tf.GradientTape({ unconnectedGradients: 'throw' });
    const y = tape.record(() => used.mul(cut.floor()));
    const error = errorOf(() => tape.gradient(y, { a: used, b: [cut] }));
    expect(error.message).toMatch(/^gradient: variable cut \(sources\.b\[0\]\) .*floor has no gradient/);
    expectError(() => tape.gradient(y, used), tf.TapeError, 'ERR_TAPE_CONSUMED');
    const again = new tf.GradientTape({ unconnectedGradients: 'throw' });
    const z = again.record(() => used.mul(3));
    expect((again.gradient(z, used) as tf.Tensor).item()).toBe(3);
  });

  it.runIf(plain)('keeps names and links, and no values', async () => {
    const [alive, answer] = await child<[boolean, tf.Explanation]>(`
      tf.config.explain = true;
      const tape = new tf.GradientTape();
      const x = tf.constant([1, 2]);
      const [y, middle] = tape.record(() => {
        tape.watch(x);
        const t = x.exp();
        t.dataSync();
        return [t.floor(), new WeakRef(t)];
      });
      y.dataSync();
      tape.gradient(y, x);
      await sleep(2);
      gc();
      done([middle.deref() !== undefined, tape.explain(y, x)]);`);
    expect(alive).toBe(false);
    expect(answer).toMatchObject({ code: 'BROKE_AT', op: 'floor', path: ['exp', 'floor'] });
  });
});
