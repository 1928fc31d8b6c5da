// The tape's errors and warnings: docs/semantics.md 1.21; E and W in titles are their lines.
import * as tf from 'gradtape';
import { describe, expect, it, vi } from 'vitest';
import { errorOf } from '../support/errors.js';
import { arrayOf, dense, gradientsOf, tapeOf } from '../support/tape.js';
import { f64 } from '../support/tensors.js';

describe('errors of the catalogue', () => {
  const x = tf.constant(2);

  it('E1: entering a tape that is recording', () => {
    const tape = new tf.GradientTape();
    const error = errorOf(() => tape.record(() => tape.record(() => 1)));
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error.code).toBe('ERR_TAPE_RECORDING');
    expect(error.message).toContain(
      'Tape is still recording, This can happen if you try to re-enter an already-active tape.',
    );
    expect(
      tape.record(() => 1),
      'the tape is left as before',
    ).toBe(1);
  });

  it('E2, E3: reset and stopRecording of a tape that is not recording', () => {
    const fresh = new tf.GradientTape();
    const left = new tf.GradientTape();
    left.record(() => tf.square(x));
    for (const tape of [fresh, left]) {
      for (const call of [() => tape.reset(), () => tape.stopRecording(() => 1)]) {
        const error = errorOf(call);
        expect(error).toBeInstanceOf(tf.TapeError);
        expect(error.code).toBe('ERR_TAPE_NOT_RECORDING');
        expect(error.message).toContain('Tape is not recording.');
      }
    }
    const nested = errorOf(() => left.record(() => left.stopRecording(() => left.stopRecording(() => 1))));
    expect(nested.code).toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('E4: a consumed tape, also one consumed inside its block', () => {
    const v = new tf.Variable(1);
    const tape = new tf.GradientTape();
    tape.record(() => tape.gradient(tf.square(v), v));
    expect(errorOf(() => tape.gradient(x, v)).code).toBe('ERR_TAPE_CONSUMED');
  });

  it('a tape that never recorded', () => {
    const error = errorOf(() => new tf.GradientTape().gradient(x, x));
    expect(error.code).toBe('ERR_TAPE_EMPTY');
  });

  it.each([null, undefined])('E6, 37: target %s', (target) => {
    const tape = new tf.GradientTape();
    tape.record(() => tape.watch(x));
    const error = errorOf(() => tape.gradient(target as never, x));
    expect(error.code).toBe('ERR_NOT_A_TENSOR');
    expect(error.message).toContain('Argument `target` should be a list or nested structure of Tensors');
    expect(tape.gradient(x, x)?.item(), 'the tape is not consumed').toBe(1);
  });

  it.each([3, 'x', null, undefined, new Float32Array(2), Symbol.iterator, () => 1, [tf.constant(1), 2]])(
    'E7, 38: watch of %s',
    (value) => {
      const fresh = new tf.GradientTape();
      const error = errorOf(() => fresh.watch(value as never));
      expect(error.code).toBe('ERR_NOT_A_TENSOR');
      expect(error.message).toContain('Passed in object');
      const tape = new tf.GradientTape();
      const first = tf.constant(1);
      const y = tape.record(() => {
        expect(errorOf(() => tape.watch([first, value] as never)).code).toBe('ERR_NOT_A_TENSOR');
        return tf.square(first);
      });
      expect(tape.gradient(y, first), 'a failed watch changes nothing').toBeNull();
    },
  );

  it('watch on an idle or consumed tape', () => {
    const tape = new tf.GradientTape();
    expect(errorOf(() => tape.watch(x)).code).toBe('ERR_TAPE_NOT_RECORDING');
    tape.record(() => 1);
    expect(errorOf(() => tape.watch(x)).code).toBe('ERR_TAPE_NOT_RECORDING');
    tape.gradient(x, x);
    const error = errorOf(() => tape.watch(x));
    expect(error.code).toBe('ERR_TAPE_NOT_RECORDING');
    expect(error.message).toContain('record');
  });

  it.each(['nonsense', '', null, 0])('E8: unconnectedGradients %s', (value) => {
    const tape = new tf.GradientTape();
    tape.record(() => tape.watch(x));
    const error = errorOf(() => tape.gradient(x, x, { unconnectedGradients: value as never }));
    expect(error).toBeInstanceOf(tf.ValueError);
    expect(error.code).toBe('ERR_OPTION');
    expect(error.message).toContain('Unknown value for unconnected');
  });

  it.each([null, 3, 'x', new Float32Array(1), { a: 1 }, [tf.constant(1), null]])(
    'E10: a source or target that is no tensor: %s',
    (value) => {
      const tape = new tf.GradientTape();
      const y = tape.record(() => {
        tape.watch(x);
        return tf.square(x);
      });
      expect(errorOf(() => tape.gradient(y, value as never)).code).toBe('ERR_NOT_A_TENSOR');
      if (value !== null) expect(errorOf(() => tape.gradient(value as never, x)).code).toBe('ERR_NOT_A_TENSOR');
      expect(tape.gradient(y, x)?.item(), 'the tape is not consumed').toBe(4);
    },
  );

  it('outputGradients of a wrong shape, dtype or structure do not consume the tape', () => {
    const t = tf.constant([1, 2, 3]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(t);
      return tf.square(t);
    });
    const wrong: [unknown, string][] = [
      [[1, 2], 'ERR_SHAPE'],
      [1, 'ERR_SHAPE'],
      [new Float64Array(3), 'ERR_DTYPE'],
      ['x', 'ERR_NOT_A_TENSOR'],
    ];
    for (const [outputGradients, code] of wrong) {
      expect(errorOf(() => tape.gradient(y, t, { outputGradients: outputGradients as never })).code).toBe(code);
    }
    expect(errorOf(() => tape.gradient([y, y], t, { outputGradients: [[1, 1, 1]] as never })).code).toBe(
      'ERR_STRUCTURE',
    );
    expect(errorOf(() => tape.gradient({ y }, t, { outputGradients: { z: [1, 1, 1] } as never })).code).toBe(
      'ERR_STRUCTURE',
    );
    expect(tape.gradient([y, y], t, { outputGradients: [[1, 0, 0], null] })?.arraySync()).toEqual([4, 4, 6]);
  });

  it('a number seeds a float64 target in its own dtype', () => {
    const t = f64(3);
    const [dx] = gradientsOf((u) => tf.square(u as tf.Tensor), [t], { dy: 0.1 });
    expect(dense(dx).dtype).toBe('float64');
    expect(arrayOf(dx)).toBe(0.1 * 6);
  });

  it('record of an async function', () => {
    const tape = new tf.GradientTape();
    const error = errorOf(() => tape.record(async () => tf.square(x)));
    expect(error.code).toBe('ERR_TAPE_ASYNC');
    expect(error.message).toContain('recordAsync');
    expect(errorOf(() => tape.watch(x)).code, 'the tape was left').toBe('ERR_TAPE_NOT_RECORDING');
  });

  it('a result that cannot be looked at is no promise, and one that throws when awaited is', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(new tf.GradientTape().record(() => proxy)).toBe(proxy);
    const thrower = {
      // biome-ignore lint/suspicious/noThenProperty: what is tested
      then: () => {
        throw new Error('thrown by then');
      },
    };
    expect(errorOf(() => new tf.GradientTape().record(() => thrower)).code).toBe('ERR_TAPE_ASYNC');
  });

  it('record of something that is no function', () => {
    expect(errorOf(() => new tf.GradientTape().record(3 as never)).code).toMatch(/^ERR_/);
  });

  it('an aborted signal stops the gradient with its reason', () => {
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    expect(errorOf(() => tape.gradient(y, x, { signal: AbortSignal.abort() })).name).toBe('AbortError');
    const mine = new Error('mine');
    const again = new tf.GradientTape();
    const z = again.record(() => tf.square(x));
    expect(errorOf(() => again.gradient(z, x, { signal: AbortSignal.abort(mine) }))).toBe(mine);
  });

  it('outputGradients has the keys of the target and no others', () => {
    const x = tf.constant(2);
    const [tape, y] = tapeOf(x, () => ({ a: x.mul(2) }));
    const extra: Record<string, number> = { a: 1, b: 2 };
    expect(errorOf(() => tape.gradient(y, x, { outputGradients: extra })).code).toBe('ERR_STRUCTURE');
    expect(tape.gradient(y, x, { outputGradients: { a: 3 } })?.item()).toBe(6);
  });
});

// Each is given once in a process; other tests of this file may have met it first, so all are collected from the start.
const warnings: { code: string; message: string }[] = [];
vi.spyOn(process, 'emitWarning').mockImplementation(((message: string, options: { code: string }) => {
  warnings.push({ code: options.code, message });
}) as typeof process.emitWarning);

describe('warnings, once each', () => {
  const heard = (code: string): string[] => warnings.filter((w) => w.code === code).map((w) => w.message);

  it('W1: watching what is not floating', () => {
    const x = tf.constant(1, { dtype: 'int32' });
    for (let i = 0; i < 2; i++) gradientsOf((t) => tf.add(t as tf.Tensor, 1), [x]);
    expect(heard('GRADTAPE_WATCH_DTYPE')).toHaveLength(1);
    expect(heard('GRADTAPE_WATCH_DTYPE')[0]).toContain('The dtype of the watched tensor must be floating');
  });

  it('W2: the gradient of a persistent tape inside its block', () => {
    const x = tf.constant(1);
    for (let i = 0; i < 2; i++) {
      const tape = new tf.GradientTape({ persistent: true });
      tape.record(() => {
        tape.watch(x);
        tape.gradient(tf.square(x), x);
      });
    }
    expect(heard('GRADTAPE_GRADIENT_INSIDE')).toHaveLength(1);
    expect(heard('GRADTAPE_GRADIENT_INSIDE')[0]).toContain('significantly less efficient');
  });
});
