/** `saveNpz`, `loadNpz`: tensors with names in NumPy's archives, which are zip files of npy files. */
import { anything, boolean, options, refuseBehind } from '../base/arguments.js';
import { GradtapeError, ValueError } from '../base/errors.js';
import type { Tensor } from '../engine/tensor.js';
import { type Path, type Sink, type Stored, save, savedTo, withSource } from './file.js';
import { quote, wantedKeys } from './keys.js';
import { computed, flatten } from './nest.js';
import { npyBytes, readNpy, writeNpy } from './npy.js';
import { readDirectory, withEntry, writeZip, type ZipEntry } from './zip.js';

/** The options of `saveNpz`. */
export interface SaveNpzOptions {
  /** Whether the archive is compressed, as by `numpy.savez_compressed`. Default false. */
  compress?: boolean;
}
/** The options of `loadNpz`. */
export interface LoadNpzOptions {
  /** The tensors to read, by their names in the archive; nothing else is read. Default: all. */
  keys?: readonly string[];
}
const saveOptions = { compress: boolean } as const;
const loadOptions = { keys: anything } as const;

/** What fflate can write. */
const kMaxBytes = 2 ** 32 - 1;
const kMaxEntries = 2 ** 16 - 1;
/** Bytes of an archive beside a file and twice its name: two headers, and sums behind the file; and the end. */
const kEntryBytes = 30 + 46 + 16;
const kEndBytes = 22;
const kMaxName = 2 ** 16 - 1;

/**
 * Saves a nest of tensors as NumPy's `savez`: `numpy.load` reads it. What a nest may be, and how its tensors are named, is
 * as for `saveSafetensors`. The file is replaced as a whole. Without a path in front, the result is the file's bytes.
 * @throws (rejects) GradtapeError ERR_NOT_A_TENSOR, ERR_STRUCTURE, ERR_NESTING, ERR_FILE; ValueError for more than 4 GiB, also
 *   ERR_OPTION; what computing the tensors throws
 */
export function saveNpz(path: Path, nest: object, options?: SaveNpzOptions): Promise<void>;
export function saveNpz(nest: object, options?: SaveNpzOptions): Promise<Uint8Array>;
export async function saveNpz(...given: readonly unknown[]): Promise<unknown> {
  const fn = 'saveNpz';
  const [path, [nest, opts]] = savedTo(fn, given, 2);
  const { compress = false } = options(fn, saveOptions, opts);
  const { tensors } = flatten(fn, nest);
  checkSizes(fn, tensors);
  await computed([...tensors.values()]);
  const files = Array.from(tensors, ([name, t]) => ({
    name: `${name}.npy`,
    fill: (sink: Sink): Promise<void> => writeNpy(sink, t),
  }));
  const fill = (sink: Sink): Promise<void> => writeZip(sink, files, compress);
  return await save(fn, path, fill);
}

function checkSizes(fn: string, tensors: ReadonlyMap<string, Tensor>): void {
  let bytes = kEndBytes;
  for (const [name, t] of tensors) {
    const nameBytes = Buffer.byteLength(`${name}.npy`);
    if (nameBytes > kMaxName) throw new ValueError(`${fn}: the name ${quote(name)} is too long for a zip archive`);
    bytes += kEntryBytes + 2 * nameBytes + npyBytes(t);
  }
  if (bytes > kMaxBytes || tensors.size > kMaxEntries) {
    throw new ValueError(
      `${fn}: an archive has less than 4 GiB and ${kMaxEntries + 1} tensors, not ${bytes} bytes and ${tensors.size}; use saveSafetensors`,
    );
  }
}

/**
 * Loads the tensors of an npz archive, or of its bytes, by their names in it. What npy files may be is as for `loadNpy`;
 * check sums are checked.
 * @throws (rejects) GradtapeError ERR_FILE, ERR_FORMAT; DTypeError for a type that no dtype can hold; ShapeError; ValueError for
 *   a number that does not fit int32, an unknown key, and ERR_OPTION
 */
export async function loadNpz(from: Stored, opts?: LoadNpzOptions, extra?: unknown): Promise<Record<string, Tensor>> {
  const fn = 'loadNpz';
  refuseBehind(fn, extra);
  const { keys } = options(fn, loadOptions, opts);
  return await withSource(fn, from, async (archive) => {
    const arrays = new Map<string, { key: string; entry: ZipEntry }>();
    for (const [name, entry] of await readDirectory(fn, archive)) {
      if (!name.endsWith('.npy')) {
        throw new GradtapeError('ERR_FORMAT', `${fn}: ${archive.name} is no npz archive: it has ${quote(name)}`);
      }
      const key = name.slice(0, -4);
      arrays.set(key, { key, entry });
    }
    const loaded: [string, Tensor][] = [];
    for (const { key, entry } of wantedKeys(fn, keys, arrays)) {
      const what = `array ${quote(key)}`;
      loaded.push([key, await withEntry(fn, archive, entry, (source) => readNpy(fn, source, what))]);
    }
    return Object.fromEntries(loaded);
  });
}
