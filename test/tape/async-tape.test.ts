// Tapes and asynchronous code: a recording belongs to the code that opened it.
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { errorOf, rejectionOf } from '../support/errors.js';

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
    if (!persistent) expect((await rejectionOf(() => tape.gradient(g as tf.Tensor, v))).code).toBe('ERR_TAPE_CONSUMED');
    const y = tape.record(() => tf.mul(v, 7));
    expect(tape.gradient(y, v)?.item(), 'the tape can record again').toBe(7);
  });

  it('an exception or a rejection ends it', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const thrown = await rejectionOf(() =>
      tape.recordAsync(() => {
        throw new Error('mine');
      }),
    );
    expect(thrown.message).toBe('mine');
    const rejected = await rejectionOf(() =>
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
    expect((await rejectionOf(() => tape.recordAsync(async () => 1))).code).toBe('ERR_TAPE_RECORDING');
    expect((await rejectionOf(() => tape.record(() => 1))).code).toBe('ERR_TAPE_RECORDING');
    await first;
    expect((await rejectionOf(() => tape.recordAsync(3 as never))).code).toBe('ERR_TAPE_RECORD');
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

  it('stopRecording of an async function', async () => {
    const x = tf.constant(2);
    const tape = new tf.GradientTape();
    const refused = tape.recordAsync(async () => {
      tape.watch(x);
      return tape.stopRecording(async () => {
        await null;
        return x.mul(x);
      });
    });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TAPE_ASYNC' });
    // Pausing is over, and the tape can go on.
    const y = tape.record(() => x.mul(3));
    expect(tape.gradient(y, x)?.item()).toBe(3);
  });
});

// What the culprit, who holds `tape.enter()` across an await, hears when it leaves the block.
function leaving(block: Disposable): { code?: string; message: string } | null {
  try {
    block[Symbol.dispose]();
    return null;
  } catch (error) {
    return error as { code?: string; message: string };
  }
}

describe('a block that is left open across an await', () => {
  it('is an error where it is left, once, and names where it was opened', async () => {
    const x = tf.constant(3);
    const tape = new tf.GradientTape();
    const block = tape.enter();
    tape.watch(x);
    const y = tf.square(x);
    await Promise.resolve();
    expect(tf.square(x).item(), 'what comes after is computed').toBe(9);
    const error = leaving(block);
    expect(error).toBeInstanceOf(tf.TapeError);
    expect(error?.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    expect(error?.message).toContain('recordAsync');
    expect(error?.message).toMatch(/async-tape\.test\.ts:\d+/);
    expect(leaving(block), 'once').toBeNull();
    const asked = await rejectionOf(() => tape.gradient(y, x));
    expect(asked.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    expect(asked.message).toMatch(/^gradient: .*async-tape\.test\.ts:\d+/);
  });

  it.each([
    ['gradient', (tape: tf.GradientTape, x: tf.Variable) => tape.gradient(x, x)],
    ['watch', (tape: tf.GradientTape, x: tf.Variable) => tape.watch(x)],
    ['stopRecording', (tape: tf.GradientTape) => tape.stopRecording(() => 1)],
    ['reset', (tape: tf.GradientTape) => tape.reset()],
    ['record', (tape: tf.GradientTape) => tape.record(() => 1)],
    ['enter', (tape: tf.GradientTape) => tape.enter()],
    ['recordAsync', (tape: tf.GradientTape) => tape.recordAsync(async () => 1)],
  ] as [string, (tape: tf.GradientTape, x: tf.Variable) => unknown][])(
    '%s of it throws too, also when nobody met it',
    async (name, call) => {
      const v = new tf.Variable(3);
      for (const wait of [() => Promise.resolve(), nextTurn, () => sleep(1)]) {
        const tape = new tf.GradientTape({ persistent: true });
        const block = tape.enter();
        await wait();
        const error = await rejectionOf(() => call(tape, v));
        expect(error).toBeInstanceOf(tf.TapeError);
        expect(error.code).toBe('ERR_TAPE_CROSSED_AWAIT');
        expect(error.message).toContain(`${name}: `);
        expect(error.message).toMatch(/async-tape\.test\.ts:\d+/);
        expect(leaving(block), 'its owner knows').toBeNull();
      }
    },
  );

  it('hurts nobody else: others are neither refused nor recorded', async () => {
    const v = new tf.Variable(3);
    const x = tf.constant(2);
    const tape = new tf.GradientTape();
    const culprit = async (): Promise<void> => {
      using _ = tape.enter();
      tape.watch(x);
      tf.square(v);
      await sleep(5);
    };
    const running = rejectionOf(culprit);
    await sleep(1);
    const others = new tf.Variable(4);
    expect(tf.mul(tf.square(v), x).item()).toBe(18);
    expect(others.value().item()).toBe(4);
    const own = new tf.GradientTape();
    const y = own.record(() => tf.mul(tf.square(others), x));
    expect(own.gradient(y, others)?.item()).toBe(16);
    expect(tape.watchedVariables(), 'nor are their variables').toEqual([v]);
    expect((await running).code).toBe('ERR_TAPE_CROSSED_AWAIT');
    expect(tf.square(v).item()).toBe(9);
  });

  it('an exception in its function is not replaced where the tape has told already', async () => {
    const v = new tf.Variable(3);
    const heard = await rejectionOf(async () => {
      const tape = new tf.GradientTape();
      using _ = tape.enter();
      const y = tf.square(v);
      await nextTurn();
      return tape.gradient(y, v);
    });
    expect(heard).toBeInstanceOf(tf.TapeError);
    expect(heard.message).toMatch(/^gradient: /);
  });

  it('a block that is never left: an exception before it is', async () => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const mine = await rejectionOf(async () => {
      tape.enter();
      throw new Error('mine');
    });
    expect(mine.message).toBe('mine');
    const y = tf.square(v); // of another request
    expect(tape.watchedVariables()).toEqual([]);
    expect((await rejectionOf(() => tape.gradient(y, v))).code).toBe('ERR_TAPE_CROSSED_AWAIT');
    tape[Symbol.dispose]();
    const z = tape.record(() => tf.mul(v, 5));
    expect(tape.gradient(z, v)?.item(), 'disposing of the tape cleans up').toBe(5);
  });

  it('once it is left, the tape can record anew', async () => {
    const v = new tf.Variable(3);
    const tape = new tf.GradientTape();
    const block = tape.enter();
    tf.square(v);
    await nextTurn();
    expect(leaving(block)?.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    const z = tape.record(() => tf.mul(v, 5));
    expect(tape.gradient(z, v)?.item()).toBe(5);
  });

  it('many of them cost later operations nothing', async () => {
    const v = new tf.Variable(3);
    const kept: Disposable[] = [];
    for (let i = 0; i < 20_000; i++) kept.push(new tf.GradientTape().enter());
    await nextTurn();
    const start = performance.now();
    for (let i = 0; i < 2_000; i++) tf.square(v);
    expect(performance.now() - start).toBeLessThan(500);
    for (const k of [0, 12_345, 19_999]) {
      expect(leaving(kept[k] as Disposable)?.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    }
  });

  // The other task is queued before the culprit runs, so that it comes next, before whatever the culprit queues.
  const queues: [string, (task: () => void) => void][] = [
    ['continuations of promises', (task) => void Promise.resolve().then(task)],
    [
      'async functions',
      (task) =>
        void (async () => {
          await null;
          task();
        })(),
    ],
    ['queueMicrotask', queueMicrotask],
    ['nextTick', process.nextTick],
    ['setImmediate', setImmediate],
    ['timers', (task) => setTimeout(task, 1)],
  ];
  it.each(queues)('tasks of one turn: %s', async (_, queue) => {
    const v = new tf.Variable(3);
    const x = tf.constant(2);
    const tape = new tf.GradientTape({ persistent: true });
    let block: Disposable | undefined;
    let y: tf.Tensor | undefined;
    let stranger: tf.Tensor | undefined;
    await new Promise<void>((done) => {
      queue(() => {
        block = tape.enter();
        tape.watch(x);
        y = tf.square(x);
      });
      queue(() => {
        stranger = tf.mul(tf.square(x), v);
        done();
      });
    });
    expect(stranger?.item()).toBe(12);
    expect(tape.watchedVariables()).toEqual([]);
    const error = leaving(block as Disposable);
    expect(error?.code).toBe('ERR_TAPE_CROSSED_AWAIT');
    expect((await rejectionOf(() => tape.gradient(y as tf.Tensor, x))).code).toBe('ERR_TAPE_CROSSED_AWAIT');
  });

  it('functions bound to an async resource run within the turn', async () => {
    const x = tf.constant(3);
    const square = AsyncResource.bind((t: tf.Tensor) => tf.square(t));
    const storage = new AsyncLocalStorage<number>();
    for (const run of [square, (t: tf.Tensor) => storage.run(1, () => tf.square(t))]) {
      const tape = new tf.GradientTape();
      let y: tf.Tensor;
      {
        using _ = tape.enter();
        tape.watch(x);
        y = run(x);
      }
      expect(tape.gradient(y, x)?.item()).toBe(6);
    }
  });

  it('opening and leaving a block is cheap', () => {
    const tape = new tf.GradientTape();
    const time = (fn: () => void): number => {
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 50; round++) {
        const start = performance.now();
        for (let i = 0; i < 200; i++) fn();
        best = Math.min(best, (performance.now() - start) / 200);
      }
      return best * 1000;
    };
    const recorded = time(() => tape.record(() => undefined));
    const entered = time(() => tape.enter()[Symbol.dispose]());
    expect(entered - recorded, 'microseconds more than record').toBeLessThan(200);
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
    const error = await rejectionOf(() =>
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

  it('watch in a block that was left open across an await', async () => {
    const tape = new tf.GradientTape();
    const block = tape.enter();
    await null;
    expect(errorOf(() => tape.watch(tf.constant(1))).code).toBe('ERR_TAPE_CROSSED_AWAIT');
    block[Symbol.dispose]();
  });
});
