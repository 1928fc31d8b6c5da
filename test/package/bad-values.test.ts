// Every public function, method and constructor, with every kind of bad value in every place: it returns, or throws an error with one
// of the library's codes; and whatever happened, the next computation is right. New functions are tried by themselves.
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { gradcheck } from '../../lib/gradcheck.js';
import * as ops from '../../lib/ops/methods.js';
import * as nnOps from '../../lib/ops/nn/methods.js';
import { filesBelow, read } from '../support/files.js';

type Fn = (...args: unknown[]) => unknown;

const codes = new Set(read('lib/base/error-codes.ts').match(/ERR_\w+/g));

const matrix = (dtype: tf.DType = 'float32'): tf.Tensor =>
  tf.cast(
    [
      [1, 0, 1],
      [0, 1, 1],
    ],
    dtype,
  ); // prettier-ignore
const drawn = (): tf.Tensor => tf.add(matrix(), tf.random.uniform([2, 3], { seed: 1 }));

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}
function detached(): Float32Array {
  const view = new Float32Array(4);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}
function outOfBounds(): unknown {
  type Resizable = new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(n: number): void };
  const buffer = new (ArrayBuffer as unknown as Resizable)(16, { maxByteLength: 16 });
  const view = new Float32Array(buffer, 8, 2);
  buffer.resize(8);
  return view;
}
function cyclic(): unknown {
  const list: unknown[] = [];
  list.push(list);
  return list;
}
function deep(): unknown {
  let list: unknown = 1;
  for (let i = 0; i < 5000; i++) list = [list];
  return list;
}
const endless = cyclic();
const deepest = deep();
class Instance {
  x = 1;
}

const bad: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  'a fraction': () => 1.5,
  'minus one': () => -1,
  'minus zero': () => -0,
  '1e10': () => 1e10,
  '2^53': () => 2 ** 53,
  Infinity: () => Number.POSITIVE_INFINITY,
  text: () => 'x',
  'empty text': () => '',
  'text of a number': () => '3',
  true: () => true,
  false: () => false,
  'an empty object': () => ({}),
  'unknown options': () => ({ keepDims: true }),
  'an object without prototype': () => Object.create(null),
  'an empty array': () => [],
  'nested empty arrays': () => [[]],
  'an array of null': () => [null],
  'an array of undefined': () => [undefined],
  'a sparse array': () => new Array(2),
  'a ragged array': () => [[1, 2], [3]],
  'an array of texts': () => ['a', 'b'],
  'an array of fractions': () => [0.5, 1.5],
  'an array of big numbers': () => [1e10, 2 ** 53],
  'an array of BigInts': () => [1n, 2n],
  'an array of symbols': () => [Symbol('s')],
  'a cyclic array': () => endless,
  'an array 5000 deep': () => deepest,
  'a symbol': () => Symbol('s'),
  'a BigInt': () => 1n,
  'a function': () => () => 1,
  'a class': () => Instance,
  'a date': () => new Date(),
  'a Map': () => new Map([['a', 1]]),
  'a Set': () => new Set([1]),
  'a promise': () => Promise.resolve(1),
  'a class instance': () => new Instance(),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'a DataView': () => new DataView(new ArrayBuffer(8)),
  'an Int8Array': () => new Int8Array(2),
  'a BigInt64Array': () => new BigInt64Array(2),
  'a Float32Array': () => new Float32Array([0.5, 2]),
  'an Int32Array': () => new Int32Array([1, 0]),
  'a detached view': detached,
  'a view out of bounds': outOfBounds,
  'an array of detached views': () => [detached(), detached()],
  'a revoked proxy': () => revoked({}),
  'a revoked proxy of an array': () => revoked([]),
  'a revoked proxy of a function': () => revoked(() => 1),
  'an array of revoked proxies': () => [revoked({}), revoked([])],
  'a float32 tensor': () => matrix(),
  'a float64 tensor': () => matrix('float64'),
  'an int32 tensor': () => matrix('int32'),
  'a uint8 tensor': () => matrix('uint8'),
  'a bool tensor': () => matrix('bool'),
  'a pending tensor': drawn,
  'an empty tensor': () => tf.zeros([0, 3]),
  'a scalar tensor': () => tf.constant(2),
  'a variable': () =>
    new tf.Variable([
      [1, 2, 3],
      [4, 5, 6],
    ]), // prettier-ignore
  'an integer variable': () => new tf.Variable(1, { dtype: 'int32' }),
  'indexed slices': () => new tf.IndexedSlices([[1, 2, 3]], [1], [2, 3]),
  'a tape': () => new tf.GradientTape(),
};

const cube = (): tf.Tensor => tf.random.normal([2, 3, 4], { seed: 1 });
const image = (): tf.Tensor => tf.ones([1, 4, 4, 2]);

/** Arguments that are right, where those below do not say enough. */
const samples: Record<string, () => unknown[][]> = {
  argmax: () => [[matrix(), 1]],
  argmin: () => [[matrix(), 1]],
  at: () => [
    [matrix(), 1, '::2'],
    [matrix(), null, '...', -1],
  ], // prettier-ignore
  booleanMask: () => [
    [matrix(), matrix('bool')],
    [matrix(), [true, false, true], { axis: 1 }],
  ], // prettier-ignore
  broadcastTo: () => [[matrix(), [2, 2, 3]]],
  cast: () => [[matrix(), 'float64']],
  clipByValue: () => [[matrix(), 0, 1]],
  concat: () => [[[matrix(), matrix()], 1]],
  constant: () => [[[1, 2], { dtype: 'float64', shape: [2, 1] }]],
  expandDims: () => [[matrix(), 1]],
  hvp: () => [[f, [matrix()], [matrix()]]],
  jvp: () => [[f, [matrix()], [matrix()]]],
  eye: () => [[3], [3, 2, { dtype: 'int32' }], [3, { dtype: 'int32' }]],
  fill: () => [
    [[2, 3], 1, { dtype: 'float64' }],
    [[2], tf.constant(1)],
  ], // prettier-ignore
  gather: () => [
    [cube(), [1, 0]],
    [cube(), [[1], [0]], { axis: 1, batchDims: 1 }],
  ], // prettier-ignore
  gatherNd: () => [
    [cube(), [[1, 0]]],
    [cube(), [[1], [0]], { batchDims: 1 }],
  ], // prettier-ignore
  linspace: () => [[0, 1, 3, { dtype: 'float64' }]],
  logicalAnd: () => [[matrix('bool'), matrix('bool')]],
  logicalNot: () => [[matrix('bool')]],
  matmul: () => [[matrix(), matrix(), { transposeA: true, transposeB: false }]],
  norm: () => [
    [matrix(), 1, [0, 1], { keepdims: true }],
    [matrix(), { keepdims: true }],
  ], // prettier-ignore
  oneHot: () => [[[1, 2], 3, { onValue: 2, offValue: 1, axis: 0, dtype: 'int32' }]],
  pad: () => [
    [
      matrix(),
      [
        [1, 0],
        [0, 1],
      ],
      { mode: 'CONSTANT', constantValues: 2 },
    ], // prettier-ignore
    [
      matrix(),
      [
        [1, 0],
        [0, 1],
      ],
      { mode: 'reflect' },
    ], // prettier-ignore
  ],
  range: () => [[4], [1, 5, 2, { dtype: 'int32' }], [4, { dtype: 'int32' }], [1, 4, { dtype: 'int32' }]],
  reduceAll: () => [[matrix('bool'), [0], { keepdims: true }]],
  reduceAny: () => [[matrix('bool'), [0], { keepdims: true }]],
  reduceSum: () => [
    [matrix(), [0, 1], { keepdims: true }],
    [matrix(), { keepdims: true }],
  ], // prettier-ignore
  reshape: () => [[matrix(), [3, -1]]],
  reverse: () => [[matrix(), [0, 1]]],
  scatterNd: () => [[[[1], [0]], [1, 2], [3]]], // prettier-ignore
  slice: () => [[matrix(), [0, 1], [1, -1]]],
  split: () => [
    [matrix(), 3, 1],
    [matrix(), [1, -1], 1],
  ], // prettier-ignore
  squeeze: () => [[tf.ones([1, 2, 1]), [0]]],
  stack: () => [[[matrix(), matrix()], 1]],
  stridedSlice: () => [[matrix(), [0, 0], [2, 3], [1, 2]]],
  tile: () => [[matrix(), [2, 1]]],
  transpose: () => [[matrix(), [1, 0]]],
  where: () => [[matrix('bool'), matrix(), 0], [matrix()]], // prettier-ignore
  saveSafetensors: () => [['x.safetensors', { x: matrix() }, { metadata: { a: 'b' } }], [{ x: matrix() }]],
  loadSafetensors: () => [['x.safetensors', { keys: ['x'], nested: true }]],
  safetensorsHeader: () => [['x.safetensors']],
  saveNpy: () => [['x.npy', matrix()], [matrix()]],
  loadNpy: () => [['x.npy']],
  saveNpz: () => [['x.npz', { x: matrix() }, { compress: true }], [{ x: matrix() }]],
  loadNpz: () => [['x.npz', { keys: ['x'] }]],
  Checkpoint: () => [[{ model: [new tf.Variable(matrix())], step: 1, maxToKeep: 2 }]],
  latestCheckpoint: () => [['checkpoints']],
  'nn.conv2d': () => [[image(), tf.ones([2, 2, 2, 3]), { strides: 1, padding: 'SAME', dilations: 1 }]],
  'nn.maxPool2d': () => [[image(), { ksize: 2, strides: 2, padding: 'VALID' }]],
};

const f = (x: unknown): tf.Tensor => tf.reduceSum(tf.square(x as tf.Tensor));
/** Arguments tried on every function. */
const profiles = (): unknown[][] => [
  [matrix(), matrix()],
  [matrix(), 1],
  [[2, 3], { seed: 1 }],
  [f, matrix(), 1],
];

function isCoded(error: unknown): boolean {
  return error instanceof Error && codes.has((error as Error & { code?: string }).code ?? '');
}

/** Looks at what a call gave, so that what is wrong in a pending value shows. */
async function look(result: unknown, depth = 0): Promise<void> {
  if (result instanceof tf.Tensor) {
    if (result.size <= 1e6) result.dataSync();
  } else if (result instanceof tf.Variable) {
    if (result.size <= 1e6) result.value().dataSync();
  } else if (result instanceof Promise) {
    await look(await result, depth);
  } else if (Array.isArray(result) && depth < 3) {
    for (const r of result.slice(0, 10)) await look(r, depth + 1);
  } else if (typeof result === 'object' && result !== null && Symbol.dispose in result) {
    (result as Disposable)[Symbol.dispose]();
  }
}

class Trial {
  readonly failures = new Map<string, string>();
  private readonly optionNames = new Map<string, string[]>();

  async call(what: string, fn: () => unknown, place = ''): Promise<void> {
    try {
      await look(fn());
    } catch (error) {
      if (!isCoded(error)) {
        const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
        const at = error instanceof Error ? (/lib\/[\w/-]+\.ts:\d+/.exec(error.stack ?? '')?.[0] ?? '') : '';
        if (!this.failures.has(`${text} ${at}`)) this.failures.set(`${text} ${at}`, what);
      }
      const names = /expected options \{ ([^}]*) \}/.exec(error instanceof Error ? error.message : '')?.[1];
      if (names && place !== '') this.optionNames.set(place, names.split(', '));
    }
  }

  /**
   * The call with each argument in turn replaced by each bad value, one more argument, and each of its options. Of the second
   * arguments that a function is tried with, and those after them, a quarter of the values, another one in each place.
   */
  async everyPlace(
    what: string,
    args: () => unknown[],
    nth: number,
    invoke: (args: unknown[]) => unknown,
  ): Promise<void> {
    let place = nth;
    const values = (): [string, () => unknown][] => {
      const all = Object.entries(bad);
      place++;
      return nth === 0 ? all : all.filter((_, k) => k % 4 === place % 4);
    };
    const count = args().length;
    for (let i = 0; i <= count + 1; i++) {
      for (const [kind, make] of values()) {
        await this.call(`${what}, argument ${i}: ${kind}`, () => invoke(args().toSpliced(i, 1, make())), String(i));
      }
      const names = new Set([...(this.optionNames.get(String(i)) ?? []), ...optionsOf(args()[i])]);
      this.optionNames.clear();
      for (const name of names) {
        for (const [kind, make] of values()) {
          const given = { ...(optionsOf(args()[i]).length > 0 ? (args()[i] as object) : {}), [name]: make() };
          await this.call(`${what}, option ${name}: ${kind}`, () => invoke(args().toSpliced(i, 1, given)));
        }
      }
    }
    for (const [kind, make] of values()) {
      await this.call(`${what}, every argument: ${kind}`, () => invoke(args().map(make)));
    }
  }
}

function optionsOf(value: unknown): string[] {
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.keys(value) : [];
}

const tuples = (name: string): (() => unknown[])[] => {
  const own = Object.hasOwn(samples, name) ? samples[name] : undefined;
  const list = own ?? profiles;
  return list().map((_, i) => () => list()[i] as unknown[]);
};

// Names of methods that users do not see: their comment says so, or they are not public.
const internals = new Set(
  filesBelow('lib', /\.ts$/)
    .map(read)
    .flatMap((text) => [
      ...text.matchAll(/@internal[^*]*\*\/\s*(?:readonly |async )?(\w+)[<(]/g),
      ...text.matchAll(/^ {2}(?:private|protected)(?: readonly| async| override| abstract)? (\w+)/gm),
    ])
    .map((match) => match[1] as string),
);

const isClass = (value: unknown): boolean => /^class\b/.test(Function.prototype.toString.call(value));

/** Every function that can be called by a user, by name. */
function subjects(): Map<string, { call: Fn; args: (() => unknown[])[] }> {
  const found = new Map<string, { call: Fn; args: (() => unknown[])[] }>();
  const add = (name: string, call: Fn, args = tuples(name)): void => {
    found.set(name, { call, args });
  };
  // Ops are tried as functions, whose first argument is a method's receiver.
  const isOp = (method: string): boolean => method in ops || method in nnOps;
  const methods = (name: string, make: () => object, args: (method: string) => (() => unknown[])[]): void => {
    for (let p = Object.getPrototypeOf(make()); p !== Object.prototype; p = Object.getPrototypeOf(p)) {
      for (const key of Reflect.ownKeys(p)) {
        const method = String(key);
        const { value } = Object.getOwnPropertyDescriptor(p, key) ?? {};
        const skipped = key === 'constructor' || typeof value !== 'function' || isOp(method) || internals.has(method);
        if (skipped || found.has(`${name}#${method}`)) continue;
        const call = value as Fn;
        add(`${name}#${method}`, (...all) => call.apply(make(), all), args(method));
        add(`${name}#${method} of a foreign this`, (self, ...rest) => call.apply(self, rest), [
          () => [{}, matrix(), 1],
        ]);
      }
    }
  };
  const walk = (values: object, prefix: string): void => {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'function') {
        const called = prefix + name;
        if (value.prototype instanceof Error) continue;
        if (!isClass(value)) add(called, value as Fn);
        else {
          const Class = value as new (...args: unknown[]) => object;
          add(
            `new ${called}`,
            (...args) => new Class(...args),
            (Object.hasOwn(constructors, called) ? constructors[called]?.() : undefined) ?? tuples(called),
          );
        }
      } else if (typeof value === 'object' && value !== null && prefix === '' && name !== 'config') {
        walk(value, `${name}.`);
      }
    }
  };
  walk(tf, '');
  add('gradcheck', gradcheck as Fn);
  const makers = { grad: tf.grad, jacobian: tf.jacobian, hessian: tf.hessian } as unknown as Record<string, Fn>;
  for (const [name, make] of Object.entries(makers)) {
    add(`${name}(f)`, (...args) => (make(f) as Fn)(...args), [() => [matrix(), 1], () => [{ a: [matrix()] }]]);
  }
  add('vjp(f)', (ct) => tf.vjp(f, matrix()).vjp(ct as tf.Tensor), [() => [1]]);
  const { config } = tf;
  for (const name of Object.keys(config)) {
    add(`config.${name} =`, (value) => Reflect.set(config, name, value), [() => [1]]);
  }
  const one = (): unknown[] => [matrix()];
  methods(
    'Tensor',
    () => matrix(),
    () => [() => []],
  );
  methods(
    'Variable',
    () => new tf.Variable(matrix()),
    () => [one],
  );
  methods(
    'IndexedSlices',
    () => new tf.IndexedSlices([[1, 2, 3]], [1], [2, 3]),
    () => [() => []],
  );
  methods(
    'GradientTape',
    () => new tf.GradientTape({ persistent: true }),
    (m) => (/record/i.test(m) ? [() => [(): tf.Tensor => matrix()]] : [one, () => [matrix(), matrix()]]),
  );
  methods(
    'ForwardAccumulator',
    () => new tf.ForwardAccumulator(matrix(), matrix()),
    (m) => (/record/i.test(m) ? [() => [(): tf.Tensor => matrix()]] : [one]),
  );
  methods(
    'Adam',
    () => new tf.optimizers.Adam(),
    () => [() => [[[matrix(), new tf.Variable(matrix())]]], () => [(): tf.Tensor => matrix(), [new tf.Variable(1)]]],
  );
  methods(
    'Checkpoint',
    () => new tf.Checkpoint({ model: [new tf.Variable(matrix())] }),
    () => [() => ['checkpoints'], () => ['x.safetensors']],
  );
  return found;
}

const constructors: Record<string, () => (() => unknown[])[]> = {
  IndexedSlices: () => [() => [[[1, 2, 3]], [1], [2, 3]]],
  Variable: () => [() => [[1, 2], { dtype: 'float64', trainable: false, name: 'v' }]],
  ForwardAccumulator: () => [() => [matrix(), matrix()], () => [{ a: [matrix()] }, { a: [1] }]],
  GradientTape: () => [() => [{ persistent: true, watchAccessedVariables: false }]],
};

describe('bad values in every place', () => {
  let folder = '';
  const cwd = process.cwd();
  const settings = { ...tf.config };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradtape-bad-'));
    process.chdir(folder); // functions that write files get 'x' for a path
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  });
  afterAll(() => {
    process.chdir(cwd);
    rmSync(folder, { recursive: true });
    vi.restoreAllMocks();
  });
  afterEach(() => {
    for (const [name, value] of Object.entries(settings)) Reflect.set(tf.config, name, value);
    // Nothing is left behind: values, gradients, variables and memory() are what they were.
    expect(tf.constant([1, 2]).add(1).arraySync()).toEqual([2, 3]);
    const v = new tf.Variable([1, 2]);
    v.assignAdd([1, 1]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => tf.reduceSum(tf.square(v)));
    expect((tape.gradient(y, v) as tf.Tensor).arraySync()).toEqual([4, 6]);
    expect(tf.memory().tensors).toBeGreaterThanOrEqual(0);
  });

  for (const [name, { call, args }] of subjects()) {
    it(name, async () => {
      const trial = new Trial();
      for (const [nth, one] of args.entries()) await trial.everyPlace(name, one, nth, (given) => call(...given));
      expect([...trial.failures].map(([error, what]) => `${what} -> ${error}`)).toEqual([]);
    });
  }

  it('the sample arguments are right', async () => {
    for (const [name, lists] of Object.entries(samples)) {
      const fn = name.split('.').reduce((at: unknown, key) => (at as Record<string, unknown>)[key], tf) as Fn;
      for (const given of lists()) await look(fn(...given));
    }
  });
});
