// Tapes and asynchronous code: a recording belongs to the code that opened it.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';

async function errorOf(fn: () => unknown): Promise<{ code?: string; message: string }> {
  try {
    await fn();
  } catch (error) {
    return error as { code?: string; message: string };
  }
  throw new Error('expected an error');
}

describe('recordAsync', () => {
  it('records across awaits', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const y = await tape.recordAsync(async (own) => {
      expect(own).toBe(tape);
      own.watch(x);
      const square = tf.square(x);
      await nextTurn();
      const cube = tf.mul(square, x);
      await square.data();
      return tf.mul(cube, 2);
    });
    expect(tape.gradient(y, x)?.item()).toBe(54);
  });

  it('two at a time do not mix', async () => {
    const v = new tf.Variable(2);
    const run = async (n: number, wait: number): Promise<[number | undefined, number]> => {
      const tape = new tf.GradientTape();
      let others = 0;
      const y = await tape.recordAsync(async () => {
        let t: tf.Tensor = tf.mul(v, 1);
        for (let i = 0; i < n; i++) {
          await sleep(wait);
          t = tf.mul(t, v);
          others++;
        }
        return t;
      });
      return [tape.gradient(y, v)?.item(), others];
    };
    const [a, b] = await Promise.all([run(3, 2), run(5, 1)]);
    expect(a).toEqual([4 * 8, 3]);
    expect(b).toEqual([6 * 32, 5]);
  });

  it('what runs meanwhile is not recorded', async () => {
    const v = new tf.Variable(2);
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const recorded = tape.recordAsync(async () => {
      tape.watch(x);
      await gate;
      return tf.square(x);
    });
    const stranger = tf.mul(tf.square(x), v); // of another task
    release();
    const y = await recorded;
    expect(tape.gradient(stranger, x)).toBeNull();
    expect(tape.watchedVariables()).toEqual([]);
    expect(tape.gradient(y, x)?.item()).toBe(6);
  });

  it('a synchronous tape of another task does not see it either', async () => {
    const x = tf.constant(3);
    const slow = new tf.GradientTape();
    const recorded = slow.recordAsync(async () => {
      slow.watch(x);
      await nextTurn();
      return tf.square(x);
    });
    const quick = new tf.GradientTape();
    const y = quick.record(() => {
      quick.watch(x);
      return tf.mul(x, 5);
    });
    expect(quick.gradient(y, x)?.item()).toBe(5);
    expect(slow.gradient(await recorded, x)?.item()).toBe(6);
  });

  it('a timer that outlives the recording records nothing', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape({ persistent: true });
    let late: tf.Tensor | undefined;
    let timer: Promise<void> | undefined;
    // While any lives, contexts are looked at.
    const other = new tf.GradientTape().recordAsync(() => sleep(20));
    await tape.recordAsync(async () => {
      tape.watch(x);
      timer = sleep(5).then(() => {
        late = tf.square(x);
      });
    });
    await timer;
    await other;
    expect(tape.gradient(late as tf.Tensor, x)).toBeNull();
  });

  it('nests: second derivatives, and synchronous tapes within', async () => {
    const x = tf.constant(3);
    const outer = new tf.GradientTape();
    const dy = await outer.recordAsync(async () => {
      outer.watch(x);
      await nextTurn();
      const inner = new tf.GradientTape();
      const y = await inner.recordAsync(async () => {
        inner.watch(x);
        await nextTurn();
        return tf.pow(x, 3);
      });
      await nextTurn();
      return inner.gradient(y, x) as tf.Tensor;
    });
    expect(dy.item()).toBe(27);
    expect(outer.gradient(dy, x)?.item()).toBe(18);
  });

  it('resumes, also what record began', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const a = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    const b = await tape.recordAsync(async () => {
      await nextTurn();
      return tf.mul(a, x);
    });
    const c = tape.record(() => tf.mul(b, 2));
    expect(tape.gradient(c, x)?.item()).toBe(54);
  });

  it.each([false, true])('gradient, reset and stopRecording inside, persistent: %s', async (persistent) => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape({ persistent });
    const g = await tape.recordAsync(async () => {
      tf.mul(v, 100);
      tape.reset();
      expect(tape.watchedVariables()).toEqual([]);
      await nextTurn();
      const y = tf.square(v);
      const z = tape.stopRecording(() => tf.mul(y, v));
      await nextTurn();
      return tape.gradient([y, z], v);
    });
    expect(g?.item()).toBe(6);
    if (!persistent) expect((await errorOf(() => tape.gradient(g as tf.Tensor, v))).code).toBe('ERR_TAPE_CONSUMED');
    const y = tape.record(() => tf.mul(v, 7));
    expect(tape.gradient(y, v)?.item(), 'the tape can record again').toBe(7);
  });

  it('an exception or a rejection ends it', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const thrown = await errorOf(() =>
      tape.recordAsync(() => {
        throw new Error('mine');
      }),
    );
    expect(thrown.message).toBe('mine');
    const rejected = await errorOf(() =>
      tape.recordAsync(async () => {
        await nextTurn();
        throw new Error('late');
      }),
    );
    expect(rejected.message).toBe('late');
    const y = tape.record(() => {
      tape.watch(x);
      return tf.square(x);
    });
    expect(tape.gradient(y, x)?.item()).toBe(6);
  });

  it('is refused while the tape records, and for what is no function', async () => {
    const tape = new tf.GradientTape();
    const first = tape.recordAsync(async () => {
      await nextTurn();
    });
    expect((await errorOf(() => tape.recordAsync(async () => 1))).code).toBe('ERR_TAPE_RECORDING');
    expect((await errorOf(() => tape.record(() => 1))).code).toBe('ERR_TAPE_RECORDING');
    await first;
    expect((await errorOf(() => tape.recordAsync(3 as never))).code).toBe('ERR_TAPE_RECORD');
    expect(await tape.recordAsync(async () => 5)).toBe(5);
  });

  it('many requests at once, each with a gradient of its own', async () => {
    const w = new tf.Variable([1, 2, 3]);
    const request = async (k: number): Promise<number[]> => {
      await sleep(k % 3);
      const tape = new tf.GradientTape();
      const loss = await tape.recordAsync(async () => {
        const y = tf.mul(w, k);
        if (k % 2) await nextTurn();
        const z = tf.square(y);
        await z.data();
        return tf.reduceSum(z);
      });
      return [...(tape.gradient(loss, w) as tf.Tensor).dataSync()];
    };
    const all = await Promise.all(Array.from({ length: 50 }, (_, k) => request(k)));
    all.forEach((g, k) => {
      expect(g).toEqual([2 * k * k, 4 * k * k, 6 * k * k]);
    });
  });
});

describe('a block that is left open across an await', () => {
  it('is an error at the next op that it would record', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const entered = tape.enter();
    tape.watch(x);
    tf.square(x);
    await Promise.resolve();
    const error = await errorOf(() => tf.square(x));
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    expect(error.message).toContain('recordAsync');
    expect(tf.square(4).item(), 'what is not on the tape goes on').toBe(16);
    entered[Symbol.dispose]();
    expect(tf.square(x).item()).toBe(9);
  });

  it('also for another task', async () => {
    const v = new tf.Variable(3);
    const culprit = async (): Promise<void> => {
      const entered = new tf.GradientTape().enter();
      await sleep(5);
      entered[Symbol.dispose]();
    };
    const running = culprit();
    await sleep(1);
    expect((await errorOf(() => tf.square(v))).code).toBe('ERR_TAPE_CROSSED_AWAIT');
    await running;
    expect(tf.square(v).item()).toBe(9);
  });

  it('within one turn it is fine, after an await too', async () => {
    const x = tf.constant(3);
    await nextTurn();
    const tape = new tf.GradientTape();
    let y: tf.Tensor;
    {
      using _ = tape.enter();
      tape.watch(x);
      y = tf.square(x);
    }
    await nextTurn();
    {
      using _ = tape.enter();
      y = tf.mul(y, x);
    }
    expect(tape.gradient(y, x)?.item()).toBe(27);
  });

  it("record of an async function is refused, and its rejection is nobody else's trouble", async () => {
    const heard: unknown[] = [];
    const listen = (reason: unknown): void => {
      heard.push(reason);
    };
    process.on('unhandledRejection', listen);
    const error = await errorOf(() =>
      new tf.GradientTape().record(async () => {
        await nextTurn();
        throw new Error('later');
      }),
    );
    expect(error.code).toBe('ERR_TAPE_ASYNC');
    await sleep(5);
    process.off('unhandledRejection', listen);
    expect(heard).toEqual([]);
  });
});
