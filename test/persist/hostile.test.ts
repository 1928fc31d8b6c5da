// Headers as hostile input: every lie is an error with a code, and nothing is allocated on its word.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { JsonReader } from '../../lib/persist/json.js';
import { rejectionOf } from '../support/errors.js';
import { thorough } from '../support/thorough.js';
import { temporaryFolder } from './folder.js';
import { bytesOf, fileOf, golden } from './golden.js';

const at = temporaryFolder('hostile');

const runs = thorough ? 20_000 : 2000;
const info = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
const x = info('F32', '[1]', '[0,4]');
const GB = 2 ** 30;

const lies: [string, Uint8Array, RegExp][] = [
  ['no bytes', new Uint8Array(0), /0 bytes/],
  ['less than a length', new Uint8Array(7), /7 bytes/],
  ['a header longer than the file', fileOf('{}', 0, 3n), /its header has 3 bytes, the file 10/],
  ['a header of 2^63 bytes', fileOf('{}', 0, 2n ** 63n), /9223372036854775808 bytes/],
  ['a header of 2^64 - 1 bytes', fileOf('{}', 0, 2n ** 64n - 1n), /more than 100000000/],
  ['a header above 100 MB', fileOf('{}', 0, 100_000_001n), /more than 100000000/],
  ['no header', fileOf(''), /no JSON object/],
  ['no object', fileOf('[]'), /no JSON object/],
  ['space before it', fileOf(' {}'), /no JSON object/],
  ['a byte order mark', fileOf('\ufeff{}'), /no JSON object/],
  ['no UTF-8', fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /UTF-8/],
  ['no JSON', fileOf('{x}'), /no JSON: expected a string at character 1/],
  ['text behind it', fileOf('{}{}'), /expected the end/],
  ['a string that does not end', fileOf('{"x'), /does not end/],
  ['a wrong escape', fileOf('{"\\x":1}'), /wrong escape/],
  ['nesting', fileOf(`{"x":{"y":${'['.repeat(1e5)}`), /nested too deeply/],
  ['a key twice', fileOf(`{"x":${x},"x":${x}}`, 4), /the key "x" comes twice/],
  ['a key twice, once escaped', fileOf(`{"x":${x},"\\u0078":${x}}`, 4), /the key "x" comes twice/],
  [
    'a field twice',
    fileOf('{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    /"dtype" comes twice/,
  ],
  ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" comes twice/],
  ['metadata that are no texts', fileOf('{"__metadata__":{"a":1}}'), /metadata "a" is no string/],
  ['metadata that are a list', fileOf('{"__metadata__":[]}'), /is no object/],
  ['a tensor that is a number', fileOf('{"x":1}'), /"x" is no object/],
  ['an unknown dtype', fileOf(`{"x":${info('F33', '[1]', '[0,4]')}}`, 4), /unknown dtype "F33"/],
  ['a dtype of a prototype', fileOf(`{"x":${info('constructor', '[1]', '[0,4]')}}`, 4), /unknown dtype/],
  ['a dtype in lower case', fileOf(`{"x":${info('f32', '[1]', '[0,4]')}}`, 4), /unknown dtype "f32"/],
  ['no dtype', fileOf('{"x":{"shape":[1],"data_offsets":[0,4]}}', 4), /"x" has no dtype/],
  ['no shape', fileOf('{"x":{"dtype":"F32","data_offsets":[0,4]}}', 4), /shape of tensor "x"/],
  ['a negative length', fileOf(`{"x":${info('F32', '[-1]', '[0,4]')}}`, 4), /shape of tensor "x"/],
  ['a fraction', fileOf(`{"x":${info('F32', '[1.0]', '[0,4]')}}`, 4), /shape of tensor "x"/],
  ['an exponent', fileOf(`{"x":${info('F32', '[1e0]', '[0,4]')}}`, 4), /shape of tensor "x"/],
  ['a length above 2^53', fileOf(`{"x":${info('F32', '[9007199254740993]', '[0,4]')}}`, 4), /shape of tensor "x"/],
  ['a product above 2^53', fileOf(`{"x":${info('F32', '[4294967296,4294967296]', '[0,4]')}}`, 4), /too large/],
  [
    'a product above 2^53 of no elements',
    fileOf(`{"x":${info('F32', '[4294967296,4294967296,0]', '[0,0]')}}`),
    /too large/,
  ],
  ['bits above 2^53', fileOf(`{"x":${info('F64', '[2251799813685248]', '[0,8]')}}`, 8), /too large/],
  ['offsets backwards', fileOf(`{"x":${info('F32', '[1]', '[4,0]')}}`, 4), /data_offsets/],
  ['one offset', fileOf(`{"x":${info('F32', '[1]', '[0]')}}`, 4), /data_offsets/],
  ['three offsets', fileOf(`{"x":${info('F32', '[1]', '[0,4,8]')}}`, 4), /data_offsets/],
  ['negative offsets', fileOf(`{"x":${info('F32', '[1]', '[-4,0]')}}`, 4), /data_offsets/],
  [
    'bytes that are not those of the shape',
    fileOf(`{"x":${info('F32', '[2]', '[0,4]')}}`, 4),
    /has 4 bytes, but F32 \[2\] takes 8/,
  ],
  ['half a byte', fileOf(`{"x":${info('F4', '[1]', '[0,1]')}}`, 1), /takes 0.5/],
  [
    'offsets beyond the file',
    fileOf(`{"x":${info('F32', '[1]', '[0,4]')}}`, 3),
    /its tensors have 4 bytes, the file has 3/,
  ],
  ['bytes behind the tensors', fileOf(`{"x":${x}}`, 5), /its tensors have 4 bytes, the file has 5/],
  ['a hole', fileOf(`{"x":${info('F32', '[1]', '[4,8]')}}`, 8), /a hole of 4 bytes before tensor "x"/],
  [
    'a hole between',
    fileOf(`{"x":${x},"y":${info('F32', '[1]', '[8,12]')}}`, 12),
    /a hole of 4 bytes before tensor "y"/,
  ],
  [
    'an overlap',
    fileOf(`{"x":${info('F32', '[2]', '[0,8]')},"y":${info('F32', '[2]', '[4,12]')}}`, 12),
    /"y" overlaps/,
  ],
  ['the same bytes', fileOf(`{"x":${x},"y":${x}}`, 4), /"y" overlaps/],
  ['an empty tensor within another', fileOf(`{"x":${x},"y":${info('F32', '[0]', '[2,2]')}}`, 4), /overlaps/],
  [
    'a terabyte',
    fileOf(`{"x":${info('U8', `[${1024 * GB}]`, `[0,${1024 * GB}]`)}}`),
    /its tensors have 1099511627776 bytes, the file has 0/,
  ],
]; // prettier-ignore

describe('safetensors', () => {
  it.each(lies)('%s', async (_, file, text) => {
    const before = tf.memory().peakBytes;
    const error = await rejectionOf(() => tf.loadSafetensors(file));
    expect(error).toBeInstanceOf(tf.GradtapeError);
    expect([error.code, error.message]).toEqual(['ERR_FORMAT', expect.stringMatching(text)]);
    expect(error.message).toMatch(/^loadSafetensors: the bytes is no safetensors file: /);
    expect(tf.memory().peakBytes).toBe(before);
  });

  it('a bool that is neither 0 nor 1', async () => {
    const file = fileOf(`{"m":${info('BOOL', '[3]', '[0,3]')}}`, Uint8Array.of(0, 1, 2));
    const error = await rejectionOf(() => tf.loadSafetensors(file));
    expect([error.code, error.message]).toEqual(['ERR_FORMAT', expect.stringContaining('element 2 is 2')]);
  });

  it('what no tensor can be: a rank above 16, a length above 2^31', async () => {
    const deep = fileOf(`{"x":${info('F32', `[${new Array(17).fill(1)}]`, '[0,4]')}}`, 4);
    const long = fileOf(`{"x":${info('F32', '[4294967296,0]', '[0,0]')}}`);
    for (const file of [deep, long]) {
      expect(await rejectionOf(() => tf.loadSafetensors(file))).toMatchObject({ code: 'ERR_SHAPE' });
    }
  });

  it('fields that are not known, and space, are none', async () => {
    const file = fileOf(
      `{"x": {"more":[{"a":null}, -1.5e3, true],"dtype" :"F32",\n"shape":[ 1 ],"data_offsets":[0,4]} }  `,
      4,
    );
    expect((await tf.loadSafetensors(file))['x']?.arraySync()).toEqual([0]);
  });

  it('what would take a hundred times its bytes to keep is not kept', async () => {
    const before = process.memoryUsage().heapUsed;
    const many = (part: string, bytes: number): string =>
      new Array(Math.floor(bytes / (part.length + 1))).fill(part).join(',');
    const headers: [string, RegExp | null][] = [
      [`{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"more":[${many('{}', 2e7)}]}}`, null],
      [`{"x":{"dtype":"F32","shape":[${many('0', 2e7)}],"data_offsets":[0,0]}}`, /at most 64 whole numbers/],
      [`{"x":{"dtype":"F32","shape":[0],"data_offsets":[${many('0', 2e7)}]}}`, /data_offsets/],
      [`{"x":{${many('"y":{}', 2e7)},"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, null],
      [
        `{${Array.from({ length: 3e5 }, (_, i) => `"${i}":${info('U8', '[0]', '[0,0]')}`).join(',')}}`,
        /more than 262144 tensors/,
      ],
      [
        `{"__metadata__":{${Array.from({ length: 3e5 }, (_, i) => `"${i}":""`).join(',')}}}`,
        /more than 262144 metadata/,
      ],
      [`{${Array.from({ length: 3e5 }, (_, i) => `"${i}":{}`).join(',')}}`, /no dtype/],
    ];
    for (const [header, text] of headers) {
      const file = fileOf(header);
      if (text === null) expect(Object.keys(await tf.loadSafetensors(file))).toEqual(['x']);
      else expect((await rejectionOf(() => tf.loadSafetensors(file))).message).toMatch(text);
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(500 * 2 ** 20);
  });

  it('keys of prototypes are keys', async () => {
    const file = fileOf(`{"__proto__":${x},"toString":${info('U8', '[]', '[4,5]')}}`, 5);
    const loaded = await tf.loadSafetensors(file);
    expect(Object.keys(loaded)).toEqual(['__proto__', 'toString']);
    expect(Object.getPrototypeOf(loaded)).toBe(Object.prototype);
  });

  const files = golden.safetensors.map(bytesOf);

  it('cut off after any byte', async () => {
    const file = files[1] as Buffer;
    for (let length = 0; length < file.length; length++) {
      expect((await rejectionOf(() => tf.loadSafetensors(file.subarray(0, length)))).code, `${length}`).toBe(
        'ERR_FORMAT',
      );
    }
  });

  /** Loads what may be broken: there are tensors, or an error with a code; and what there is can be saved again. */
  async function survives(file: Uint8Array): Promise<void> {
    try {
      const loaded = await tf.loadSafetensors(file);
      const again = await tf.loadSafetensors(await tf.saveSafetensors(loaded));
      expect(Object.keys(again).sort()).toEqual(Object.keys(loaded).sort());
    } catch (error) {
      if (!(error instanceof tf.GradtapeError)) throw error;
      expect(error.code).toMatch(/^ERR_(FORMAT|DTYPE|SHAPE|VALUE)$/);
    }
  }

  it('bytes that are changed, cut out, put in', async () => {
    const edit = fc.record({ at: fc.nat(), cut: fc.nat(12), put: fc.uint8Array({ maxLength: 8 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        async (file, edits) => {
          let bytes = Buffer.from(file);
          for (const { at, cut, put } of edits) {
            const from = at % Math.min(bytes.length, 1200); // mostly in the header
            bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
          }
          await survives(bytes);
        },
      ),
      { numRuns: runs },
    );
  });

  it('headers of right form and wrong numbers', async () => {
    const whole = fc.oneof(fc.nat(9), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, 1e300));
    const tensor = fc.record(
      {
        dtype: fc.constantFrom('F32', 'F64', 'U8', 'BOOL', 'I64', 'F16', 'F4', 'C64', 'X', ''),
        shape: fc.oneof(fc.array(whole, { maxLength: 4 }), fc.constant(null)),
        data_offsets: fc.oneof(fc.tuple(whole, whole), fc.array(whole, { maxLength: 3 })),
      },
      { requiredKeys: ['dtype'] },
    );
    const header = fc.dictionary(fc.oneof(fc.string({ maxLength: 4 }), fc.constant('__proto__')), tensor, {
      maxKeys: 4,
    });
    await fc.assert(
      fc.asyncProperty(header, fc.nat(40), async (tensors, length) => {
        await survives(fileOf(JSON.stringify(tensors), length));
      }),
      { numRuns: runs },
    );
  });

  /** The value that a text has; the last one of a key that comes twice. */
  function parsed(text: string): unknown {
    const reader = new JsonReader(text);
    const value = (): unknown => {
      const first = reader.next();
      if (first === '"') return reader.string();
      if (/[-\d]/.test(first)) return reader.number();
      if (first === '[') {
        const list: unknown[] = [];
        reader.list(() => list.push(value()));
        return list;
      }
      if (first !== '{') {
        reader.skip();
        return first;
      }
      const entries = new Map<string, unknown>();
      reader.object((key) => entries.set(key, value()));
      return Object.fromEntries(entries);
    };
    const result = value();
    reader.end();
    return result;
  }

  it('numbers are exact, or NaN', () => {
    expect(parsed('[0, 9007199254740993, 12]')).toEqual([0, 2 ** 53, 12]);
    expect(parsed('[-1, -0, 1.0, 1e2, 0.5]')).toEqual(new Array(5).fill(Number.NaN));
    for (const text of ['01', '+1', '.5', '1.', 'NaN', '1e', '-']) expect(() => parsed(text), text).toThrow();
  });

  it('its JSON is what JSON.parse reads, and nothing else', () => {
    const plain = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(plain);
      if (typeof value === 'number') return 'a number';
      if (value === null || typeof value === 'boolean') return String(value)[0];
      if (typeof value !== 'object') return value;
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
    };
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 5 }),
        fc.nat(),
        fc.string({ maxLength: 2 }),
        fc.boolean(),
        (text, at, put, changed) => {
          const cut = at % (text.length + 1);
          const source = changed ? text.slice(0, cut) + put + text.slice(cut) : text;
          let want: unknown;
          try {
            want = plain(JSON.parse(source));
          } catch {
            expect(() => parsed(source)).toThrow();
            const reader = new JsonReader(source);
            expect(() => {
              reader.skip();
              reader.end();
            }).toThrow();
            return;
          }
          expect(plain(parsed(source))).toEqual(want);
        },
      ),
      { numRuns: runs },
    );
  });
});

describe('what would be lost or wait', () => {
  it('a count of entries that is too small', async () => {
    const bytes = Buffer.from(await tf.saveNpz({ a: tf.ones([1]), b: tf.ones([2]), c: tf.ones([3]) }));
    for (const count of [0, 1, 2]) {
      bytes[bytes.length - 12] = count;
      const error = await rejectionOf(() => tf.loadNpz(bytes));
      expect(error).toMatchObject({ code: 'ERR_FORMAT' });
      expect(error.message).toContain(`more than the ${count} entries`);
    }
  });

  it('bytes that are detached meanwhile', async () => {
    for (const [bytes, load] of [
      [await tf.saveNpy(tf.ones([2])), tf.loadNpy],
      [await tf.saveNpz({ a: tf.ones([2]) }), tf.loadNpz],
      [await tf.saveSafetensors({ a: tf.ones([2]) }), tf.loadSafetensors],
    ] as const) {
      const own = new Uint8Array(bytes);
      const error = await rejectionOf(() => {
        const loading = load(own);
        structuredClone(own.buffer, { transfer: [own.buffer] });
        return loading;
      });
      expect(error.code).toMatch(/^ERR_/);
      expect(error.message).toContain('detached');
    }
  });

  it.runIf(process.platform !== 'win32')('a pipe that nobody writes to', async () => {
    const pipe = at('pipe');
    execFileSync('mkfifo', [pipe]);
    for (const load of [tf.loadNpy, tf.loadNpz, tf.loadSafetensors]) {
      expect(await rejectionOf(() => load(pipe))).toMatchObject({ code: 'ERR_FILE' });
    }
  });
});
