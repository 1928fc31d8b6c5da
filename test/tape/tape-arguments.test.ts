// What GradientTape takes and refuses: options, callbacks, nests, receivers, cotangents, signals; and the types of its gradients.
import * as tf from 'gradtape';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { errorOf } from '../support/errors.js';

const x = tf.constant(2);

// A tape that knows x and y = x^2.
function recorded(options?: tf.GradientTapeOptions): { tape: tf.GradientTape; y: tf.Tensor } {
  const tape = new tf.GradientTape(options) as tf.GradientTape;
  const y = tape.record(() => {
    tape.watch(x);
    return tf.square(x);
  });
  return { tape, y };
}

// The call is refused with the code and the words, and the tape is as it was.
function expectRefused(call: (tape: tf.GradientTape, y: tf.Tensor) => unknown, code: string, ...words: string[]): void {
  const { tape, y } = recorded();
  const error = errorOf(() => call(tape, y));
  expect(error, error.message).toBeInstanceOf(tf.GradtapeError);
  expect(error.code).toBe(code);
  for (const word of words) expect(error.message).toContain(word);
  expect(tape.gradient(y, x)?.item(), 'the tape is not consumed').toBe(4);
}

describe('options', () => {
  it.each([
    [null, 'null'],
    [true, 'write { persistent: true }'],
    ['persistent', 'got "persistent"'],
    [3, 'got 3'],
    [{ persist: true }, 'did you mean persistent?'],
    [{ watch_accessed_variables: false }, 'did you mean watchAccessedVariables?'],
    [{ persistent: 1 }, 'true or false'],
    [{ persistent: null }, 'true or false'],
    [{ unconnectedGradients: 'nonsense' }, 'Unknown value for unconnected'],
  ])('new GradientTape(%j)', (options, words) => {
    const error = errorOf(() => new tf.GradientTape(options as never));
    expect(error).toBeInstanceOf(tf.ValueError);
    expect(error.code).toBe('ERR_OPTION');
    expect(error.message).toMatch(/^GradientTape: /);
    expect(error.message).toContain(words);
  });

  it('new GradientTape(a, b)', () => {
    const Tape = tf.GradientTape as unknown as new (...args: unknown[]) => unknown;
    expect(errorOf(() => new Tape({}, { persistent: true })).code).toBe('ERR_OPTION');
  });

  it('of gradient', () => {
    const wrong: [unknown, ...string[]][] = [
      ['zero', 'write { unconnectedGradients: "zero" }'],
      [null, 'null'],
      [x, 'gradient: '],
      [[1], 'gradient: '],
      [{ output_gradients: 1 }, 'did you mean outputGradients?'],
      [{ unconnected: 'zero' }, 'did you mean unconnectedGradients?'],
      [{ unconnectedGradients: 'ZERO' }, 'Unknown value for unconnected', "'zero'", '"ZERO"'],
    ];
    for (const [options, ...words] of wrong) {
      expectRefused((tape, y) => tape.gradient(y, x, options as never), 'ERR_OPTION', ...words);
    }
    expectRefused(
      (tape, y) => (tape.gradient as (...args: unknown[]) => unknown).call(tape, y, x, {}, 'zero'),
      'ERR_OPTION',
    );
  });

  it('a signal of any kind', () => {
    const signals = [
      null,
      3,
      'x',
      {},
      { aborted: true },
      { aborted: 1, throwIfAborted: () => 1 },
      new AbortController(),
      () => 1,
    ];
    for (const signal of signals) {
      expectRefused(
        (tape, y) => tape.gradient(y, x, { signal: signal as never }),
        'ERR_OPTION',
        'signal',
        'AbortSignal',
      );
    }
    const { tape, y } = recorded();
    const like = { aborted: false, throwIfAborted: () => undefined };
    expect(tape.gradient(y, x, { signal: like as never })?.item()).toBe(4);
  });

  it('an aborted signal throws its reason, whatever that is, and does not consume the tape', () => {
    for (const reason of [new Error('mine'), 'text', { code: 1 }, null]) {
      const { tape, y } = recorded();
      let thrown: unknown;
      try {
        tape.gradient(y, x, { signal: AbortSignal.abort(reason) });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(reason);
      expect(tape.gradient(y, x)?.item()).toBe(4);
    }
  });
});

describe('callbacks and receivers', () => {
  it.each([undefined, null, 3, 'x', {}, x, Promise.resolve(), Symbol('s'), 1n])(
    'what is no function: %s',
    async (value) => {
      const { tape, y } = recorded({ persistent: true });
      for (const method of ['record', 'recordAsync', 'stopRecording'] as const) {
        let error: unknown;
        try {
          await (method === 'stopRecording'
            ? tape.record(() => tape.stopRecording(value as never))
            : tape[method](value as never));
        } catch (thrown) {
          error = thrown;
        }
        expect(error).toBeInstanceOf(tf.TapeError);
        expect((error as tf.TapeError).code).toBe('ERR_TAPE_RECORD');
        expect((error as tf.TapeError).message).toMatch(new RegExp(`^${method}: expected a function`));
      }
      expect(
        tape
          .gradient(
            tape.record(() => tf.mul(y, 1)),
            x,
          )
          ?.item(),
      ).toBe(4);
    },
  );

  it('a class', () => {
    class Model {}
    const { tape } = recorded();
    expect(errorOf(() => tape.record(Model as never)).code).toBe('ERR_VALUE');
    expect(errorOf(() => tape.record(() => tape.stopRecording(Model as never))).code).toBe('ERR_VALUE');
  });

  it('a TypeError of the function itself is left alone', () => {
    const mine = new TypeError('mine');
    const { tape } = recorded();
    expect(
      errorOf(() =>
        tape.record(() => {
          throw mine;
        }),
      ),
    ).toBe(mine);
  });

  const foreign = [{}, undefined, null, 3, Object.create(null), Proxy.revocable({}, {})] as const;
  it.each([
    'record',
    'recordAsync',
    'enter',
    'watch',
    'watchedVariables',
    'stopRecording',
    'reset',
    'gradient',
    Symbol.dispose,
  ] as const)('%s of a foreign this', async (name) => {
    const method = (tf.GradientTape.prototype as unknown as Record<string | symbol, (...args: unknown[]) => unknown>)[
      name
    ];
    const revocable = foreign[5];
    revocable.revoke();
    for (const self of [...foreign.slice(0, 5), revocable.proxy]) {
      let error: unknown;
      try {
        await method?.call(self, () => 1, x);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(tf.GradtapeError);
      expect((error as tf.GradtapeError).code).toBe('ERR_RECEIVER');
    }
  });

  it('arguments too many', () => {
    const { tape } = recorded({ persistent: true });
    tape.record(() => {
      const error = errorOf(() => (tape.watch as (...args: unknown[]) => void).call(tape, x, x));
      expect(error.code).toBe('ERR_OPTION');
      expect(error.message).toContain('watch([');
      expect(errorOf(() => (tape.reset as (...args: unknown[]) => void).call(tape, true)).code).toBe('ERR_OPTION');
    });
    expect(errorOf(() => (tape.record as (...args: unknown[]) => void).call(tape, () => 1, {})).code).toBe(
      'ERR_OPTION',
    );
    expect(errorOf(() => (tape.enter as (...args: unknown[]) => void).call(tape, {})).code).toBe('ERR_OPTION');
  });
});

describe('nests', () => {
  const cyclic: unknown[] = [x];
  cyclic.push(cyclic);
  const cyclicObject: Record<string, unknown> = { x };
  cyclicObject['self'] = cyclicObject;
  const nested = (depth: number, wrap: (value: unknown) => unknown): unknown => {
    let value: unknown = x;
    for (let i = 0; i < depth; i++) value = wrap(value);
    return value;
  };
  const endless: [string, unknown][] = [
    ['a list that contains itself', cyclic],
    ['an object that contains itself', cyclicObject],
    ['2,000 lists', nested(2_000, (v) => [v])],
    ['100,000 objects', nested(100_000, (v) => ({ v }))],
  ];
  it.each(endless)('%s', (_, value) => {
    expectRefused((tape, y) => tape.gradient(y, value as never), 'ERR_NESTING', 'gradient');
    expectRefused((tape) => tape.gradient(value as never, x), 'ERR_NESTING', 'gradient');
    expectRefused((tape) => tape.record(() => tape.watch(value as never)), 'ERR_NESTING', 'watch');
    expectRefused((tape, y) => tape.gradient([y, y, y], x, { outputGradients: value as never }), 'ERR_STRUCTURE');
    const { tape, y } = recorded();
    const error = errorOf(() => tape.gradient(y, x, { outputGradients: value as never }));
    expect(error, error.message).toBeInstanceOf(tf.GradtapeError);
    expect(error.code).toMatch(/^ERR_/);
  });

  it('500 deep is fine, in sources, targets and outputGradients', () => {
    const sources = nested(500, (v) => [v]) as tf.Nested<tf.Tensor>;
    const { tape, y } = recorded();
    let target: unknown = y;
    for (let i = 0; i < 500; i++) target = { target };
    let outputGradients: unknown = 10;
    for (let i = 0; i < 500; i++) outputGradients = { target: outputGradients };
    let g: unknown = tape.gradient(target as never, sources as never, { outputGradients: outputGradients as never });
    for (let i = 0; i < 500; i++) g = (g as unknown[])[0];
    expect((g as tf.Tensor).item()).toBe(40);
  });

  it('holes, nulls and what cannot be read', () => {
    // biome-ignore lint/suspicious/noSparseArray: what is tested
    const hole = [x, , x];
    const throwing = {
      get w(): never {
        throw new Error('mine');
      },
    };
    const { proxy, revoke } = Proxy.revocable([] as unknown[], {});
    revoke();
    for (const value of [hole, [null], { w: null }, { w: undefined }, [Symbol('s')], new Array(4_000_000_000)]) {
      expectRefused((tape, y) => tape.gradient(y, value as never), 'ERR_NOT_A_TENSOR', 'gradient: a source');
      expectRefused((tape) => tape.gradient(value as never, x), 'ERR_NOT_A_TENSOR', 'gradient: a target');
      expectRefused((tape) => tape.record(() => tape.watch(value as never)), 'ERR_NOT_A_TENSOR', 'watch');
    }
    for (const value of [throwing, proxy, [proxy]]) {
      expectRefused((tape, y) => tape.gradient(y, value as never), 'ERR_STRUCTURE', 'cannot be read');
      expectRefused((tape) => tape.gradient(value as never, x), 'ERR_STRUCTURE', 'cannot be read');
      expectRefused((tape) => tape.record(() => tape.watch(value as never)), 'ERR_STRUCTURE', 'cannot be read');
      if (value !== throwing && value !== proxy) continue;
      expectRefused((tape, y) => tape.gradient([y], x, { outputGradients: value as never }), 'ERR_STRUCTURE');
    }
  });

  it('no sources', () => {
    expectRefused(
      (tape, y) => (tape.gradient as (...args: unknown[]) => unknown).call(tape, y),
      'ERR_NOT_A_TENSOR',
      'source',
    );
    expectRefused(
      (tape) => (tape.gradient as (...args: unknown[]) => unknown).call(tape),
      'ERR_NOT_A_TENSOR',
      'target',
    );
  });

  it('objects of a class, Maps and Sets are told what collects their variables', () => {
    class Dense {
      w = new tf.Variable(1);
    }
    for (const value of [new Dense(), [new Dense()], new Map([['w', new tf.Variable(1)]]), { a: new Set() }]) {
      expectRefused((tape, y) => tape.gradient(y, value as never), 'ERR_NOT_A_TENSOR', 'trainableVariables');
      expectRefused((tape) => tape.record(() => tape.watch(value as never)), 'ERR_NOT_A_TENSOR', 'trainableVariables');
    }
    const model = new Dense();
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.mul(model.w, 3));
    expect(tape.gradient(y, tf.trainableVariables(model)).map((g) => g?.item())).toEqual([3]);
  });

  it('outputGradients that do not fit', () => {
    const wrong: [unknown, RegExp][] = [
      [[1, 2], /ERR_SHAPE/],
      [{}, /ERR_NOT_A_TENSOR/],
      ['x', /ERR_NOT_A_TENSOR/],
      [() => 1, /ERR_NOT_A_TENSOR/],
      [Symbol('s'), /ERR_NOT_A_TENSOR/],
      [1n, /ERR_/],
      [new Float64Array(1), /ERR_DTYPE|ERR_SHAPE/],
    ];
    for (const [outputGradients, code] of wrong) {
      const { tape, y } = recorded();
      const error = errorOf(() => tape.gradient(y, x, { outputGradients: outputGradients as never }));
      expect(error.code).toMatch(code);
      expect(error.message).toContain('outputGradients');
      expect(tape.gradient(y, x)?.item()).toBe(4);
    }
    for (const outputGradients of [1, [1], [1, 1, 1], { 0: 1, 1: 1 }, 'x', x]) {
      expectRefused(
        (tape, y) => tape.gradient([y, y], x, { outputGradients: outputGradients as never }),
        'ERR_STRUCTURE',
      );
    }
    for (const outputGradients of [{}, { b: 1 }, { a: 1, b: 1 }, [1], Object.create({ a: 1 })]) {
      expectRefused(
        (tape, y) => tape.gradient({ a: y }, x, { outputGradients: outputGradients as never }),
        'ERR_STRUCTURE',
      );
    }
  });
});

describe('unconnectedGradients of the constructor', () => {
  const v = new tf.Variable([1, 2], { name: 'kernel' });

  it('is what gradient does where its call does not say', () => {
    const zero = new tf.GradientTape({ unconnectedGradients: 'zero', persistent: true });
    const y = zero.record(() => tf.square(new tf.Variable(3)));
    expect(zero.gradient(y, v).arraySync()).toEqual([0, 0]);
    expect(zero.gradient(y, { v, list: [v] }).list[0]?.arraySync()).toEqual([0, 0]);
    expect(zero.gradient(y, v, {}).arraySync()).toEqual([0, 0]);
    expect(zero.gradient(y, v, { unconnectedGradients: 'none' })).toBeNull();
    expect(errorOf(() => zero.gradient(y, v, { unconnectedGradients: 'throw' })).code).toBe('ERR_UNCONNECTED');

    const strict = new tf.GradientTape({ unconnectedGradients: 'throw', persistent: true });
    const z = strict.record(() => tf.square(new tf.Variable(3)));
    for (const sources of [v, [v], { v }]) {
      const error = errorOf(() => strict.gradient(z, sources as tf.Variable[]));
      expect(error.code).toBe('ERR_UNCONNECTED');
      expect(error.message).toContain('kernel');
    }
    expect(strict.gradient(z, v, { unconnectedGradients: 'none' })).toBeNull();
    expect(strict.gradient(z, v, { unconnectedGradients: 'zero' }).arraySync()).toEqual([0, 0]);
  });

  it('says the type of the gradients', () => {
    const plain = new tf.GradientTape();
    const persistent = new tf.GradientTape({ persistent: true });
    const strict = new tf.GradientTape({ unconnectedGradients: 'throw' });
    const zero = new tf.GradientTape({ unconnectedGradients: 'zero', persistent: true });
    const none = new tf.GradientTape({ unconnectedGradients: 'none' });
    const some = new tf.GradientTape({} as tf.GradientTapeOptions);
    const types = (y: tf.Tensor, options: tf.GradientOptions): void => {
      expectTypeOf(plain.gradient(y, v)).toEqualTypeOf<tf.Tensor | null>();
      expectTypeOf(persistent.gradient(y, [v])).toEqualTypeOf<[tf.Tensor | null]>();
      expectTypeOf(strict.gradient(y, v)).toEqualTypeOf<tf.Tensor>();
      expectTypeOf(strict.gradient(y, { a: v, b: [v] })).toEqualTypeOf<{ a: tf.Tensor; b: [tf.Tensor] }>();
      expectTypeOf(zero.gradient(y, v, { outputGradients: y })).toEqualTypeOf<tf.Tensor>();
      expectTypeOf(zero.gradient(y, v, { unconnectedGradients: 'none' })).toEqualTypeOf<tf.Tensor | null>();
      expectTypeOf(zero.gradient(y, v, options)).toEqualTypeOf<tf.Tensor | null>();
      expectTypeOf(none.gradient(y, v)).toEqualTypeOf<tf.Tensor | null>();
      expectTypeOf(some.gradient(y, v)).toEqualTypeOf<tf.Tensor | null>();
      expectTypeOf(plain.gradient(y, v, { unconnectedGradients: 'throw' })).toEqualTypeOf<tf.Tensor>();
      strict.record((tape) => expectTypeOf(tape.gradient(y, v)).toEqualTypeOf<tf.Tensor>());
    };
    expect(types).toBeTypeOf('function');
    // A tape of any kind is a GradientTape.
    const tapes: tf.GradientTape[] = [plain, strict, zero, none];
    const use = (tape: tf.GradientTape): unknown => tape.watchedVariables();
    expect(tapes.map(use)).toEqual([[], [], [], []]);
    expect(use(some as tf.GradientTape)).toEqual([]);
  });
});
