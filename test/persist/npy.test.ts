// npy and npz: what NumPy writes is read, npy files are NumPy's to the byte, and lies are errors.
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { strToU8, zipSync } from 'fflate';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../lib/persist/zip.js';
import { rejectionOf } from '../support/errors.js';
import { thorough } from '../support/thorough.js';
import { temporaryFolder } from './folder.js';
import { bits, bytesOf, expectHeld, golden, tensorOf } from './golden.js';

const at = temporaryFolder('npy');
const runs = thorough ? 20_000 : 2000;

/** An npy file of this header, padded by hand. */
function npyOf(header: string, data: Uint8Array | number = 0, version = 1, length?: number): Uint8Array {
  const text = Buffer.from(header);
  const start = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1');
  const size = Buffer.alloc(version === 1 ? 2 : 4);
  size.writeUIntLE(length ?? text.length, 0, size.length);
  return Buffer.concat([start, size, text, typeof data === 'number' ? new Uint8Array(data) : data]);
}
const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

describe('npy', () => {
  it.each(golden.npy)('$name: is read', async (file) => {
    expectHeld(await tf.loadNpy(bytesOf(file)), file.tensor);
  });

  it.each(golden.npy.filter(({ same }) => same))('$name: ours has the same bytes', async (file) => {
    const bytes = await tf.saveNpy(tensorOf(file.tensor));
    expect(Buffer.from(bytes).toString('latin1')).toBe(bytesOf(file).toString('latin1'));
  });

  it('through a file: tensors, variables, numbers, sparse and pending ones', async () => {
    const v = new tf.Variable([[1, 2]], { dtype: 'float64' });
    const cases = [v, 3, [true, false], new Float32Array([1, 2]), tf.add([1, 2], 1), tf.fill([100_000], 3)];
    for (const x of [...cases, new tf.IndexedSlices([[1, 2]], [1], [3, 2])]) {
      const want = tf.convertToTensor(x as tf.Tensor);
      await tf.saveNpy(at('x.npy'), x as tf.Tensor);
      const back = await tf.loadNpy(at('x.npy'));
      expect([back.dtype, back.shape]).toEqual([want.dtype, want.shape]);
      expect(Buffer.compare(bits(back), bits(want))).toBe(0);
    }
    expect(Buffer.compare(readFileSync(at('x.npy')), await tf.saveNpy(await tf.loadNpy(at('x.npy'))))).toBe(0);
  });

  it('a large array in Fortran order, through a file', async () => {
    const x = tf.reshape(tf.range(300_000), [300, 1000]);
    const data = new Uint8Array(tf.transpose(x).dataSync().buffer);
    writeFileSync(at('f.npy'), npyOf(header('<f4', '(300, 1000)', 'True'), data));
    expect(Buffer.compare(bits(await tf.loadNpy(at('f.npy'))), bits(x))).toBe(0);
  });

  it.each([
    ['no bytes', new Uint8Array(0), 'ERR_FORMAT', /0 bytes/],
    ['another format', Buffer.from('PK\x03\x04 and more'), 'ERR_FORMAT', /does not begin as one/],
    ['version 4', npyOf(header('<f4', '()'), 4, 4), 'ERR_FORMAT', /version 4.0/],
    ['a header longer than the file', npyOf('', 0, 1, 100), 'ERR_FORMAT', /its header has 100 bytes/],
    ['a header of 4 GB', npyOf('', 0, 2, 2 ** 32 - 1), 'ERR_FORMAT', /4294967295 bytes, more than 65536/],
    ['no dictionary', npyOf('[]'), 'ERR_FORMAT', /its header is/],
    ['an expression', npyOf(header('<f4', '(2*2,)'), 16), 'ERR_FORMAT', /its header is/],
    ['a call', npyOf(`{'descr': exit(), 'fortran_order': False, 'shape': ()}`, 4), 'ERR_FORMAT', /its header is/],
    [
      'a field twice',
      npyOf(`{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (), }`, 4),
      'ERR_FORMAT',
      /header/,
    ],
    ['a field that is missing', npyOf(`{'descr': '<f4', 'fortran_order': False, }`, 4), 'ERR_FORMAT', /header/],
    [
      'another field',
      npyOf(`{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1, }`, 4),
      'ERR_FORMAT',
      /header/,
    ],
    ['text behind it', npyOf(`${header('<f4', '()')}x`, 4), 'ERR_FORMAT', /header/],
    ['no comma between', npyOf(`{'descr': '<f4' 'fortran_order': False, 'shape': ()}`, 4), 'ERR_FORMAT', /header/],
    ['a number for a shape', npyOf(header('<f4', '3'), 12), 'ERR_FORMAT', /header/],
    ['a number in parentheses', npyOf(header('<f4', '(3)'), 12), 'ERR_FORMAT', /header/],
    ['a negative length', npyOf(header('<f4', '(-1,)'), 4), 'ERR_FORMAT', /header/],
    ['a length above 2^53', npyOf(header('<f4', '(9007199254740993,)'), 4), 'ERR_FORMAT', /header/],
    ['a product above 2^53', npyOf(header('<f4', '(4294967296, 4294967296)'), 4), 'ERR_FORMAT', /NaN bytes/],
    [
      'a terabyte',
      npyOf(header('|u1', '(1099511627776,)'), 4),
      'ERR_FORMAT',
      /takes 1099511627776 bytes, the file has 4/,
    ],
    ['too few elements', npyOf(header('<f4', '(2,)'), 4), 'ERR_FORMAT', /takes 8 bytes, the file has 4/],
    ['bytes behind', npyOf(header('<f4', '(1,)'), 8), 'ERR_FORMAT', /takes 4 bytes, the file has 8/],
    ['objects', npyOf(header('|O', '(1,)'), 8), 'ERR_DTYPE', /"\|O", which no dtype/],
    ['complex numbers', npyOf(header('<c8', '(1,)'), 8), 'ERR_DTYPE', /"<c8"/],
    ['texts', npyOf(header('<U3', '(1,)'), 12), 'ERR_DTYPE', /"<U3"/],
    ['long doubles', npyOf(header('<f16', '(1,)'), 16), 'ERR_DTYPE', /"<f16"/],
    [
      'records',
      npyOf(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }`, 4),
      'ERR_DTYPE',
      /a record/,
    ],
    ['a bool of 2', npyOf(header('|b1', '(1,)'), Uint8Array.of(2)), 'ERR_FORMAT', /element 0 is 2/],
    [
      'a number above int32',
      npyOf(header('<i8', '(1,)'), Buffer.from(BigInt64Array.of(2n ** 31n).buffer)),
      'ERR_VALUE',
      /2147483648/,
    ],
    ['a rank of 17', npyOf(header('<f4', `(${'1, '.repeat(17)})`), 4), 'ERR_SHAPE', /rank 17/],
  ] as [string, Uint8Array, string, RegExp][])('%s', async (_, file, code, text) => {
    const before = tf.memory().peakBytes;
    const error = await rejectionOf(() => tf.loadNpy(file));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(text)]);
    expect(tf.memory().peakBytes - before).toBeLessThan(1024);
  }); // prettier-ignore

  it('what Python also writes: other quotes, other order, long numbers, space', async () => {
    const text = `  {"shape": ( 2L , 1L ), 'descr':"<f4" ,"fortran_order":False}   \n`;
    expect((await tf.loadNpy(npyOf(text, 8, 3))).shape).toEqual([2, 1]);
  });

  it('bytes that are changed', async () => {
    const edit = fc.record({ at: fc.nat(140), put: fc.uint8Array({ maxLength: 4 }), cut: fc.nat(4) });
    const files = golden.npy.map(bytesOf);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        async (file, edits) => {
          let bytes = Buffer.from(file);
          for (const { at: from, put, cut } of edits) {
            bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
          }
          try {
            const t = await tf.loadNpy(bytes);
            expect(bits(t).length).toBeLessThanOrEqual(4 * bytes.length);
          } catch (error) {
            expect((error as tf.GradtapeError).code, String(error)).toMatch(/^ERR_(FORMAT|DTYPE|SHAPE|VALUE)$/);
          }
        },
      ),
      { numRuns: runs },
    );
  });
});

describe('npz', () => {
  it.each(golden.npz)('$name: is read', async (file) => {
    const loaded = await tf.loadNpz(bytesOf(file));
    expect(Object.keys(loaded)).toEqual(Object.keys(file.tensors));
    for (const [key, held] of Object.entries(file.tensors)) expectHeld(loaded[key], held);
  });

  const nest = {
    layers: [{ kernel: tf.random.normal([70, 300], { seed: 1 }), bias: tf.zeros([300_000]) }],
    ok: true,
    'é/..': [1],
  };
  it.each([true, false])('compress: %s comes back, through a file and bytes', async (compress) => {
    await tf.saveNpz(at('x.npz'), nest, { compress });
    const bytes = await tf.saveNpz(nest, { compress });
    expect(Buffer.compare(readFileSync(at('x.npz')), bytes)).toBe(0);
    expect(bytes.length < 300_000).toBe(compress);
    for (const loaded of [await tf.loadNpz(at('x.npz')), await tf.loadNpz(bytes)]) {
      expect(Object.keys(loaded)).toEqual(['layers.0.kernel', 'layers.0.bias', 'ok', 'é/..']);
      for (const [key, t] of [
        ['layers.0.kernel', nest.layers[0]?.kernel],
        ['layers.0.bias', nest.layers[0]?.bias],
      ] as const) {
        expect(Buffer.compare(bits(loaded[key] as tf.Tensor), bits(t as tf.Tensor))).toBe(0);
      }
      expect([loaded['ok']?.dtype, loaded['é/..']?.arraySync()]).toEqual(['bool', [1]]);
    }
    expect(Object.keys(await tf.loadNpz(bytes, { keys: ['ok'] }))).toEqual(['ok']);
    expect(await rejectionOf(() => tf.loadNpz(bytes, { keys: ['okay'] }))).toMatchObject({ code: 'ERR_VALUE' });
  });

  const empty = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');
  it('nothing in it', async () => {
    expect(await tf.loadNpz(empty)).toEqual({});
    expect(await tf.loadNpz(await tf.saveNpz({}))).toEqual({});
  });

  /** An archive whose only file is this one, and where its directory and its own header begin. */
  async function one(x: tf.TensorLike, compress: boolean): Promise<{ bytes: Buffer; directory: number }> {
    const bytes = Buffer.from(await tf.saveNpz({ x }, { compress }));
    return { bytes, directory: bytes.readUInt32LE(bytes.length - 6) };
  }
  const at32 = (offset: number, value: number) => (bytes: Buffer, directory: number) =>
    bytes.writeUInt32LE(value, directory + offset);
  const at16 = (offset: number, value: number) => (bytes: Buffer, directory: number) =>
    bytes.writeUInt16LE(value, directory + offset);

  it.each([
    ['another sum', at32(16, 1), /check sum/],
    ['more bytes than deflate makes', at32(24, 2 ** 31), /of which 2147483648 cannot come/],
    ['2^32 - 1 bytes and no more of it', at32(24, 2 ** 32 - 1), /of which 4294967295 cannot come/],
    [
      'a byte less',
      (b: Buffer, d: number) => b.writeUInt32LE(b.readUInt32LE(d + 24) - 1, d + 24),
      /takes 4000 bytes|check sum|cannot come/,
    ],
    ['more packed bytes than there are', at32(20, 1e6), /does not lie in it|cannot come/],
    ['a place beyond the archive', at32(42, 1e6), /does not lie in it/],
    ['another place', at32(42, 1), /is not where the directory says|does not lie in it/],
    ['a name that is too long', at16(28, 60_000), /does not lie in the directory/],
    ['encryption', at16(8, 1), /is encrypted/],
    ['another method', at16(10, 12), /compressed by method 12/],
    ['another signature', at32(0, 7), /entry 0 is none/],
    [
      'two entries',
      (b: Buffer) => {
        b.writeUInt16LE(2, b.length - 12);
        b.writeUInt16LE(2, b.length - 14);
      },
      /does not lie in it|entry 1 is none/,
    ],
    ['65535 entries', (b: Buffer) => b.writeUInt16LE(65_535, b.length - 12), /directory does not lie in it/],
    ['a directory beyond it', (b: Buffer) => b.writeUInt32LE(2 ** 31, b.length - 6), /directory does not lie in it/],
    ['a directory of 4 GB', (b: Buffer) => b.writeUInt32LE(2 ** 32 - 1, b.length - 10), /directory does not lie in it/],
    ['no end', (b: Buffer) => b.fill(0, b.length - 22), /no directory/],
  ] as [string, (bytes: Buffer, directory: number) => void, RegExp][])(
    'a directory with %s',
    async (_, change, text) => {
      for (const compress of [true, false]) {
        const { bytes, directory } = await one(tf.range(1000), compress);
        change(bytes, directory);
        const before = tf.memory().peakBytes;
        const error = await rejectionOf(() => tf.loadNpz(bytes));
        expect([error.code, error.message]).toEqual(['ERR_FORMAT', expect.stringMatching(text)]);
        expect(tf.memory().peakBytes - before).toBeLessThan(10_000);
      }
    },
  ); // prettier-ignore

  it('entries of one name, or of the same bytes', async () => {
    const two = Buffer.from(await tf.saveNpz({ x: [1], y: [1] }));
    const directory = two.readUInt32LE(two.length - 6);
    const second = two.indexOf('y.npy', directory) - 46;
    const twice = Buffer.from(two);
    twice.write('x', second + 46);
    expect((await rejectionOf(() => tf.loadNpz(twice))).message).toContain('"x.npy" comes twice');
    two.writeUInt32LE(0, second + 42);
    expect((await rejectionOf(() => tf.loadNpz(two))).message).toMatch(/"[xy].npy" overlaps/);
  });

  it('a file that is no npy file', async () => {
    for (const [name, code] of [
      ['x.txt', 'has "x.txt"'],
      ['x.npy', 'does not begin as one'],
    ] as const) {
      const error = await rejectionOf(() => tf.loadNpz(zipSync({ [name]: strToU8('something else') })));
      expect([error.code, error.message]).toEqual(['ERR_FORMAT', expect.stringContaining(code)]);
    }
  });

  it('bytes that are changed', async () => {
    const files = [...golden.npz.map(bytesOf), (await one(tf.range(50), true)).bytes];
    const edit = fc.record({ at: fc.nat(), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        async (file, edits) => {
          const bytes = Buffer.from(file);
          for (const { at: place, byte } of edits) bytes[place % bytes.length] = byte;
          try {
            await tf.loadNpz(bytes);
          } catch (error) {
            expect((error as tf.GradtapeError).code, String(error)).toMatch(/^ERR_(FORMAT|DTYPE|SHAPE|VALUE)$/);
          }
        },
      ),
      { numRuns: runs / 4 },
    );
  });

  it('cut off after any byte', async () => {
    const { bytes } = await one([1, 2, 3], true);
    for (let length = 0; length < bytes.length; length++) {
      expect((await rejectionOf(() => tf.loadNpz(bytes.subarray(0, length)))).code).toBe('ERR_FORMAT');
    }
  });

  it('the check sum is that of zip', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926); // the check value of CRC-32
    expect(crc32(Buffer.from('6789'), crc32(Buffer.from('12345')))).toBe(0xcbf43926);
  });

  it('what fflate cannot write: an error that names the way out', async () => {
    const x = tf.zeros([2 ** 30, 1]);
    const error = await rejectionOf(() => tf.saveNpz(at('never.npz'), { x, y: x }));
    expect([error.code, error.message]).toEqual(['ERR_VALUE', expect.stringContaining('use saveSafetensors')]);
  });
});
