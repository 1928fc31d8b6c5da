/**
 * `saveSafetensors`, `loadSafetensors`, `safetensorsHeader`: tensors with names in Hugging Face's format, which Python's
 * safetensors reads and writes.
 */
import { anything, boolean, isPlainObject, type Kind, options, refuseBehind, refused } from '../base/arguments.js';
import { dtypeBytes } from '../base/dtype.js';
import { ValueError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { readTensor, writeElements } from './elements.js';
import { type Path, type Sink, type Source, type Stored, save, savedTo, withSource } from './file.js';
import { wantedKeys } from './keys.js';
import { computed, flatten, nestOf } from './nest.js';
import { type Declared, type Header, makeHeader, placeOf, readHeader } from './safetensors-header.js';

/** The options of `saveSafetensors`. */
export interface SaveSafetensorsOptions {
  /** Texts with names, which the file carries beside the tensors. */
  metadata?: { readonly [name: string]: string };
}
/** The options of `loadSafetensors`. */
export interface LoadSafetensorsOptions {
  /** The tensors to read, by their names in the file; nothing else is read. Default: all. */
  keys?: readonly string[];
  /**
   * Whether the tensors come as the nest that was saved, or that dots in their names describe: 'layers.0.kernel' is
   * `layers[0].kernel`. Default false: a record with the names of the file.
   */
  nested?: boolean;
}
/** What a file says of its tensors before any is read. */
export interface SafetensorsHeader {
  /** Texts with names. */
  readonly metadata: { readonly [name: string]: string };
  /** The tensors by their names. */
  readonly tensors: {
    /** dtype: as the file calls it (F32, BF16, ...). */
    readonly [key: string]: { readonly dtype: string; readonly shape: readonly number[] };
  };
}

/** The metadata in which the outline of a nest is saved (nest.ts). Names that begin so are the library's own. */
export const ownMetadata = 'gradtape.';
const outlineName = `${ownMetadata}nest`;

export const metadataKind: Kind<ReadonlyMap<string, string>> = {
  expected: `an object of texts, none under a name that begins with ${ownMetadata}`,
  read: (value) => {
    try {
      const entries = isPlainObject(value) ? Object.entries(value) : null;
      const isText = ([name, text]: readonly [string, unknown]): boolean =>
        typeof text === 'string' && !name.startsWith(ownMetadata) && !/\p{Surrogate}/u.test(name + text);
      return entries?.every(isText) ? new Map(entries as [string, string][]) : refused;
    } catch {
      return refused; // a getter that throws
    }
  },
};
const saveOptions = { metadata: metadataKind } as const;
const loadOptions = { keys: anything, nested: boolean } as const;

/**
 * Saves a nest of tensors: arrays, plain objects, Maps, and objects of a class, of which the variables are taken. Numbers,
 * typed arrays and lists of numbers are tensors. The name of a tensor in the file is made of the keys that lead to it, with
 * dots between (`layers.0.kernel`); two tensors of one name are an error. A variable is saved with the value that it has
 * at the call; a sparse tensor as the dense one. The file is replaced as a whole.
 *
 * Without a path in front, the result is the file's bytes.
 * @throws (rejects) GradtapeError ERR_NOT_A_TENSOR, ERR_STRUCTURE, ERR_NESTING, ERR_FILE; ValueError, also ERR_OPTION; what
 *   computing the tensors throws
 */
export function saveSafetensors(path: Path, nest: object, options?: SaveSafetensorsOptions): Promise<void>;
export function saveSafetensors(nest: object, options?: SaveSafetensorsOptions): Promise<Uint8Array>;
export async function saveSafetensors(...given: readonly unknown[]): Promise<unknown> {
  const fn = 'saveSafetensors';
  const [path, [nest, opts]] = savedTo(fn, given, 2);
  const { metadata } = options(fn, saveOptions, opts);
  const { tensors, outline } = flatten(fn, nest);
  if (tensors.has('__metadata__')) throw new ValueError(`${fn}: no tensor can have the name "__metadata__"`);
  const texts = new Map(metadata);
  if (outline !== null) texts.set(outlineName, JSON.stringify(outline));
  const { size, fill } = await safetensorsFile(tensors, texts);
  return await save(fn, path, fill, size);
}

/** The contents of a file with these tensors, which are computed first. */
export async function safetensorsFile(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: ReadonlyMap<string, string>,
): Promise<{ size: number; fill: (sink: Sink) => Promise<void> }> {
  await computed([...tensors.values()]);
  const { header, order } = makeHeader(tensors, metadata);
  const all = order.map((key) => tensors.get(key) as Tensor);
  return {
    size: all.reduce((sum, t) => sum + t.size * dtypeBytes[t.dtype], header.length),
    fill: async (sink) => {
      await sink.write(header);
      for (const t of all) await writeElements(sink, t);
    },
  };
}

/**
 * Loads the tensors of a file (or of its bytes) by their names in it. F16 and BF16 become float32; whole numbers of other
 * widths int32, if they fit. A file of more than 100 MB of header, or with a hole, an overlap, a key that comes twice, an
 * unknown dtype or bytes behind its tensors is refused.
 * @throws (rejects) GradtapeError ERR_FILE, ERR_FORMAT, ERR_STRUCTURE (`nested`); DTypeError for a type that no dtype can
 *   hold; ShapeError; ValueError for a number that does not fit int32, an unknown key, and ERR_OPTION
 */
export function loadSafetensors(
  from: Stored,
  options?: LoadSafetensorsOptions & { nested?: false },
): Promise<Record<string, Tensor>>;
export function loadSafetensors<T = unknown>(from: Stored, options: LoadSafetensorsOptions): Promise<T>;
export async function loadSafetensors(from: Stored, opts?: unknown, extra?: unknown): Promise<unknown> {
  const fn = 'loadSafetensors';
  refuseBehind(fn, extra);
  const { keys, nested = false } = options(fn, loadOptions, opts);
  return await withSource(fn, from, async (source) => {
    const header = await readHeader(fn, source);
    const wanted = wantedKeys(fn, keys, header.tensors);
    const tensors = await readTensors(fn, source, wanted);
    if (!nested) return Object.fromEntries(tensors);
    return nestOf(fn, tensors, keys === undefined ? header.metadata.get(outlineName) : undefined);
  });
}

/** Reads tensors in the order of their bytes; the result has the order given. */
export async function readTensors(
  fn: string,
  source: Source,
  wanted: readonly Declared[],
): Promise<ReadonlyMap<string, Tensor>> {
  const places = wanted.map((declared) => ({ key: declared.key, place: placeOf(fn, declared) }));
  const read = new Map<string, Tensor>();
  for (const { key, place } of [...places].sort((a, b) => a.place.position - b.place.position)) {
    read.set(key, await readTensor(fn, source, place));
  }
  return new Map(places.map(({ key }) => [key, read.get(key) as Tensor]));
}

/**
 * What a file says of its tensors: their dtypes and shapes, and its metadata. No tensor is read.
 * @throws (rejects) GradtapeError ERR_FILE, ERR_FORMAT; ValueError
 */
export async function safetensorsHeader(from: Stored, extra?: unknown): Promise<SafetensorsHeader> {
  refuseBehind('safetensorsHeader', extra);
  const header: Header = await withSource('safetensorsHeader', from, (source) =>
    readHeader('safetensorsHeader', source),
  );
  const { metadata, tensors } = header;
  return {
    metadata: Object.fromEntries(Array.from(metadata).filter(([name]) => name !== outlineName)),
    tensors: Object.fromEntries(Array.from(tensors.values(), ({ key, dtype, shape }) => [key, { dtype, shape }])),
  };
}
