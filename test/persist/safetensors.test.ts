// safetensors: what Python writes is read, what is written is what Python writes, and nests come back.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { linux } from '../support/child.js';
import { rejectionOf } from '../support/errors.js';
import { temporaryFolder } from './folder.js';
import { bits, bytesOf, expectHeld, fileOf, golden, tensorOf } from './golden.js';

const at = temporaryFolder('safetensors');
const codeOf = async (call: () => unknown): Promise<string | undefined> => (await rejectionOf(call)).code;
const entry = (dtype: string, shape: string, from: number, to: number): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`;

describe('files of Python', () => {
  it.each(golden.safetensors)('$name: is read', async (file) => {
    const loaded = await tf.loadSafetensors(bytesOf(file));
    expect(Object.keys(loaded).sort()).toEqual(Object.keys(file.tensors).sort());
    for (const [key, held] of Object.entries(file.tensors)) expectHeld(loaded[key], held);
    expect((await tf.safetensorsHeader(bytesOf(file))).metadata).toEqual(file.metadata ?? {});
  });

  it.each(golden.safetensors.filter(({ same }) => same))('$name: ours has the same bytes', async (file) => {
    const tensors = Object.fromEntries(Object.entries(file.tensors).map(([key, held]) => [key, tensorOf(held)]));
    const bytes = await tf.saveSafetensors(tensors, file.metadata ? { metadata: file.metadata } : {});
    expect(Buffer.from(bytes).toString('latin1')).toBe(bytesOf(file).toString('latin1'));
  });

  it('keeps the bits of what it loads: NaN with a payload, subnormals', async () => {
    const bits = Uint32Array.of(0x7fc00001, 0xffc00002, 1, 0x80000000);
    const file = fileOf(`{"x":${entry('F32', '[4]', 0, 16)}}`, new Uint8Array(bits.buffer));
    const x = (await tf.loadSafetensors(file))['x'] as tf.Tensor;
    expect([...new Uint8Array(await tf.saveSafetensors({ x })).slice(-16)]).toEqual([...new Uint8Array(bits.buffer)]);
  });

  it.each([
    ['I64', Buffer.from(BigInt64Array.of(1n, 2n ** 31n).buffer), 'element 1 is 2147483648'],
    ['I64', Buffer.from(BigInt64Array.of(-(2n ** 31n) - 1n).buffer), 'element 0 is -2147483649'],
    ['U64', Buffer.from(BigUint64Array.of(2n ** 64n - 1n).buffer), 'element 0 is 18446744073709551615'],
    ['U32', Buffer.from(Uint32Array.of(5, 2 ** 31).buffer), 'element 1 is 2147483648'],
  ])('%s that int32 cannot hold: an error with the key, the element and the number', async (dtype, data, text) => {
    const count = data.length / (dtype === 'U32' ? 4 : 8);
    const file = fileOf(`{"ids":${entry(dtype, `[${count}]`, 0, data.length)}}`, data);
    const error = await rejectionOf(() => tf.loadSafetensors(file));
    expect(error.code).toBe('ERR_VALUE');
    expect(error.message).toContain(`tensor "ids": ${text}`);
  });

  it('the number that does not fit is found behind a million others', async () => {
    const numbers = new BigInt64Array(300_000);
    numbers[299_999] = 2n ** 40n;
    const file = fileOf(`{"n":${entry('I64', '[300000]', 0, 2_400_000)}}`, new Uint8Array(numbers.buffer));
    expect((await rejectionOf(() => tf.loadSafetensors(file))).message).toContain('element 299999 is 1099511627776');
  });

  it('types that no dtype can hold: an error, but not for the other tensors of the file', async () => {
    const file = fileOf(
      `{"c":${entry('C64', '[1]', 0, 8)},"x":${entry('U8', '[1]', 8, 9)},"f":${entry('F4', '[2]', 9, 10)}}`,
      10,
    );
    const error = await rejectionOf(() => tf.loadSafetensors(file));
    expect([error.code, error.message]).toEqual(['ERR_DTYPE', expect.stringContaining('"c" is of C64')]);
    expect(Object.keys(await tf.loadSafetensors(file, { keys: ['x'] }))).toEqual(['x']);
  });
});

describe('what is saved', () => {
  it('a nest comes back as it was', async () => {
    const nest = {
      layers: [
        { kernel: [[1, 2]], bias: [3] },
        { kernel: [[4, 5]], bias: [6] },
      ],
      head: { out: 7 },
      scale: 0.5,
      mask: [true, false],
    };
    const bytes = await tf.saveSafetensors(nest);
    expect(Object.keys(await tf.loadSafetensors(bytes)).sort()).toEqual([
      'head.out',
      'layers.0.bias',
      'layers.0.kernel',
      'layers.1.bias',
      'layers.1.kernel',
      'mask',
      'scale',
    ]); // prettier-ignore
    const back = await tf.loadSafetensors(bytes, { nested: true });
    expect(JSON.parse(JSON.stringify(back))).toEqual(nest);
    expect((await tf.safetensorsHeader(bytes)).metadata).toEqual({});
  });

  // What the names alone would not tell.
  it.each([
    ['a key with dots', { a: { 'b.c': 1 } }],
    ['keys that look like those of an array', { a: { 0: 1, 1: 2 } }],
    ['an empty array', { a: [], b: { c: 1 } }],
    ['an empty object', { a: [{}, { b: 1 }] }],
    ['an empty key', { a: { '': 1 } }],
    ['keys of prototypes', { a: JSON.parse('{"__proto__": 1, "constructor": 2}') as object }],
    ['an array', [1, { a: 2 }]],
    ['a digit that is no index', { a: { '01': 1 }, b: { 1: 2 } }],
  ])('%s comes back as it was', async (_, nest) => {
    const back = await tf.loadSafetensors(await tf.saveSafetensors(nest), { nested: true });
    expect(JSON.stringify(back)).toBe(JSON.stringify(nest));
  });

  it('a flat record has its keys as they are, and no outline beside them', async () => {
    const record = { 'model.layers.0.weight': tf.ones([2]), 'model.norm': tf.zeros([1]) };
    const bytes = await tf.saveSafetensors(record);
    expect((await tf.safetensorsHeader(bytes)).metadata).toEqual({});
    expect(Object.keys(await tf.loadSafetensors(bytes))).toEqual(Object.keys(record));
    const nested = await tf.loadSafetensors(bytes, { nested: true });
    expect(JSON.parse(JSON.stringify(nested))).toEqual({ model: { layers: [{ weight: [1, 1] }], norm: [0] } });
  });

  it('names that make no nest: an error of { nested: true } alone', async () => {
    const bytes = await tf.saveSafetensors({ a: 1, 'a.b': 2 });
    expect(Object.keys(await tf.loadSafetensors(bytes))).toEqual(['a', 'a.b']);
    const error = await rejectionOf(() => tf.loadSafetensors(bytes, { nested: true }));
    expect([error.code, error.message]).toEqual([
      'ERR_STRUCTURE',
      expect.stringContaining('"a" is a tensor and contains'),
    ]);
  });

  it('an outline that is not of these names does not count', async () => {
    const bytes = await tf.saveSafetensors({ a: { 'b.c': 1 } });
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('gradtape.nest');
    for (const other of ['{\\"x\\":{\\"y.z\\":\\"a.b.d\\"}}', 'null', '7', '"a.b.c"', '[[[[', '{\\"a\\":[null]}']) {
      const length = '{\\"a\\":{\\"b.c\\":\\"a.b.c\\"}}'.length;
      const changed = text.replace(
        '{\\"a\\":{\\"b.c\\":\\"a.b.c\\"}}',
        other
          .replace(/^"|(?<!\\)"$/g, '\\"')
          .padEnd(length, ' ')
          .slice(0, length),
      );
      const back = await tf.loadSafetensors(Buffer.from(changed, 'latin1'), { nested: true });
      expect(JSON.stringify(back), other).toBe('{"a":{"b":{"c":1}}}');
    }
  });

  it('two tensors of one name are an error', async () => {
    const error = await rejectionOf(() => tf.saveSafetensors({ 'a.b': 1, a: { b: 2 } }));
    expect([error.code, error.message]).toEqual(['ERR_VALUE', 'saveSafetensors: two tensors have the name "a.b"']);
  });

  it('variables, pending, sparse and uniform tensors, Maps, objects of a class', async () => {
    class Dense {
      readonly kernel = new tf.Variable([[1, 2]]);
      readonly units = 2;
      readonly activation = (): void => undefined;
      steps = new tf.Variable(3, { dtype: 'int32', trainable: false });
    }
    const v = new tf.Variable([5, 6]);
    const saved = tf.saveSafetensors({
      v,
      pending: tf.add([1, 2], 1),
      sparse: new tf.IndexedSlices([[1, 2]], [1], [3, 2]),
      uniform: tf.fill([100_000], 7),
      typed: new Int32Array([1, 2]),
      map: new Map<string, unknown>([['x', 1]]),
      dense: [new Dense(), new Dense()],
    });
    v.assign([0, 0]); // after the call
    const back = await tf.loadSafetensors(await saved);
    expect(back['v']?.arraySync()).toEqual([5, 6]);
    expect(back['pending']?.arraySync()).toEqual([2, 3]);
    expect(back['sparse']?.arraySync()).toEqual([
      [0, 0],
      [1, 2],
      [0, 0],
    ]); // prettier-ignore
    expect(new Set(back['uniform']?.dataSync())).toEqual(new Set([7]));
    expect([back['typed']?.dtype, back['map.x']?.item()]).toEqual(['int32', 1]);
    expect(back['dense.1.kernel']?.arraySync()).toEqual([[1, 2]]);
    expect(Object.keys(back).filter((key) => key.startsWith('dense'))).toHaveLength(4);
  });

  it('saving and loading is no op of a tape', async () => {
    const tape = new tf.GradientTape({ persistent: true });
    const v = new tf.Variable([1, 2]);
    await tape.recordAsync(async () => {
      await tf.saveSafetensors({ v, s: new tf.IndexedSlices([[1]], [0], [2, 1]) });
    });
    expect(tape.watchedVariables()).toEqual([]);
  });

  it.each([
    ['a tensor', () => tf.ones([2]), 'ERR_NOT_A_TENSOR'],
    ['a variable', () => new tf.Variable(1), 'ERR_NOT_A_TENSOR'],
    ['null within', () => ({ a: [1, null] }), 'ERR_NOT_A_TENSOR'],
    ['text within', () => ({ a: 'x' }), 'ERR_NOT_A_TENSOR'],
    ['an object without variables', () => ({ a: new Date() }), 'ERR_NOT_A_TENSOR'],
    ['a ragged list', () => ({ a: [[1, 2], [3]] }), 'ERR_SHAPE'], // prettier-ignore
    [
      'what contains itself',
      () => {
        const a: unknown[] = [];
        a.push(a);
        return { a };
      },
      'ERR_NESTING',
    ], // prettier-ignore
    ['half a surrogate pair', () => ({ '\ud800': 1 }), 'ERR_VALUE'],
    ['the name of the metadata', () => ({ __metadata__: 1 }), 'ERR_VALUE'],
    [
      'a getter that throws',
      () => ({
        get a(): number {
          throw new Error('no');
        },
      }),
      'ERR_STRUCTURE',
    ], // prettier-ignore
  ])('%s is refused', async (_, make, code) => {
    expect(await codeOf(() => tf.saveSafetensors(make() as object))).toBe(code);
  });

  it('metadata are texts, sorted, and none is the name of the library', async () => {
    const bytes = await tf.saveSafetensors({ x: 1 }, { metadata: { b: '1', a: 'é' } });
    expect(Buffer.from(bytes).toString()).toContain('{"__metadata__":{"a":"é","b":"1"},"x"');
    for (const metadata of [{ a: 1 }, { 'gradtape.nest': '{}' }, { a: '\udc00' }, [], null, 'text']) {
      const error = await codeOf(() => tf.saveSafetensors({ x: 1 }, { metadata } as never));
      expect(error, JSON.stringify(metadata)).toBe('ERR_OPTION');
    }
    expect(await codeOf(() => tf.saveSafetensors({ x: 1 }, { metaData: {} } as never))).toBe('ERR_OPTION');
  });

  it('what the elements cannot be computed as comes to the caller', async () => {
    const bad = tf.linalg.cholesky([[-1]]);
    expect(await codeOf(() => tf.saveSafetensors(at('never'), { bad }))).toBe('ERR_NOT_POSITIVE_DEFINITE');
    expect(readdirSync(dirname(at('x'))).filter((name) => name.includes('never'))).toEqual([]);
  });
});

describe('keys', () => {
  const bytes = tf.saveSafetensors({ a: [1], b: { c: [2], d: [3] } });

  it('only these, in this order, each once', async () => {
    expect(Object.keys(await tf.loadSafetensors(await bytes, { keys: ['b.d', 'a', 'b.d'] }))).toEqual(['b.d', 'a']);
    expect(await tf.loadSafetensors(await bytes, { keys: [] })).toEqual({});
    const nested = await tf.loadSafetensors(await bytes, { keys: ['b.c'], nested: true });
    expect(JSON.stringify(nested)).toBe('{"b":{"c":[2]}}');
  });

  it('one that the file has not: an error with the nearest', async () => {
    const { code, message } = await rejectionOf(async () => tf.loadSafetensors(await bytes, { keys: ['b.cc'] }));
    expect([code, message]).toEqual([
      'ERR_VALUE',
      'loadSafetensors: the file has no tensor "b.cc"; did you mean "b.c"?',
    ]);
  });

  it.each([['a'], [[1]], [{}], [null], [[undefined, 'a']]])('%j is no list of keys', async (keys) => {
    expect(await codeOf(async () => tf.loadSafetensors(await bytes, { keys } as never))).toBe('ERR_OPTION');
  });

  it('nothing else is read', async () => {
    // The other tensor has a bool that is none: an error only if it is read.
    const header = `{"bad":${entry('BOOL', '[1]', 0, 1)},"good":${entry('BOOL', '[1]', 1, 2)}}`;
    const file = fileOf(header, Uint8Array.of(7, 1));
    expect(await codeOf(() => tf.loadSafetensors(file))).toBe('ERR_FORMAT');
    expect((await tf.loadSafetensors(file, { keys: ['good'] }))['good']?.arraySync()).toEqual([true]);
  });
});

describe('files', () => {
  it('paths, file: URLs, and bytes of every kind', async () => {
    await tf.saveSafetensors(pathToFileURL(at('url.safetensors')), { x: [1, 2] });
    const bytes = readFileSync(at('url.safetensors'));
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const odd = new Uint8Array(bytes.length + 3).subarray(3);
    odd.set(bytes);
    const places = [at('url.safetensors'), pathToFileURL(at('url.safetensors')), bytes, own, odd, new DataView(own)];
    for (const from of places) expect((await tf.loadSafetensors(from))['x']?.arraySync()).toEqual([1, 2]);
    expect(await codeOf(() => tf.loadSafetensors(new URL('https://example.com/x')))).toBe('ERR_VALUE');
    expect(Buffer.isBuffer(await tf.saveSafetensors({ x: 1 }))).toBe(true);
    structuredClone(own, { transfer: [own] });
    for (const gone of [own, places[5]]) {
      expect(await rejectionOf(() => tf.loadSafetensors(gone as ArrayBuffer))).toBeInstanceOf(tf.GradtapeError);
    }
  });

  it('many and large tensors, through a file', async () => {
    const nest: Record<string, tf.Tensor> = {};
    for (let i = 0; i < 500; i++) nest[`small.${i}`] = tf.fill([1 + (i % 7)], i);
    nest['large'] = tf.random.normal([300_000], { seed: 1 });
    nest['wide'] = tf.random.normal([70_000], { seed: 2, dtype: 'float64' });
    nest['bytes'] = tf.cast(tf.range(100_000).floormod(251), 'uint8');
    await tf.saveSafetensors(at('many.safetensors'), nest);
    const back = await tf.loadSafetensors(at('many.safetensors'));
    expect(Object.keys(back).length).toBe(503);
    for (const [key, t] of Object.entries(nest)) {
      expect(Buffer.compare(bits(back[key] as tf.Tensor), bits(t)), key).toBe(0);
    }
    expect(Buffer.compare(readFileSync(at('many.safetensors')), await tf.saveSafetensors(nest))).toBe(0);
  });

  it('a file is replaced as a whole, keeps its mode, and a link leads to it', async () => {
    const file = at('kept.safetensors');
    writeFileSync(file, 'old', { mode: 0o640 });
    symlinkSync(file, at('link.safetensors'));
    await tf.saveSafetensors(at('link.safetensors'), { x: 1 });
    expect(lstatSync(at('link.safetensors')).isSymbolicLink()).toBe(true);
    expect(Object.keys(await tf.loadSafetensors(file))).toEqual(['x']);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.runIf(linux)('what cannot be written leaves the old file and no other', async () => {
    const folder = at('closed');
    mkdirSync(folder);
    await tf.saveSafetensors(`${folder}/a.safetensors`, { x: 1 });
    const old = readFileSync(`${folder}/a.safetensors`);
    const big = tf.ones([10]);
    const pending = tf.gather(big, tf.cast(tf.range(20), 'int32')); // out of range once it is computed
    await rejectionOf(() => tf.saveSafetensors(`${folder}/a.safetensors`, { pending }));
    expect(readFileSync(`${folder}/a.safetensors`)).toEqual(old);
    expect(readdirSync(folder)).toEqual(['a.safetensors']);
    rmSync(folder, { recursive: true });
  });

  it.runIf(linux)('a device is written to, not replaced', async () => {
    await tf.saveSafetensors('/dev/null', { x: 1 });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it.each([
    ['that is not there', () => tf.loadSafetensors(at('none')), /cannot read ".*none": ENOENT/],
    ['that is a folder', () => tf.loadSafetensors(dirname(at('x'))), /is no file|EISDIR/],
    ['in no folder', () => tf.saveSafetensors(at('no/such/folder'), { x: 1 }), /cannot write ".*folder": ENOENT/],
    ['that is a folder, to be written', () => tf.saveSafetensors(dirname(at('x')), { x: 1 }), /EISDIR/],
  ])('a file %s: ERR_FILE, and the cause of the system', async (_, call, text) => {
    const error = await rejectionOf(call as () => unknown);
    expect([error.code, error.message]).toEqual(['ERR_FILE', expect.stringMatching(text)]);
  });
});
