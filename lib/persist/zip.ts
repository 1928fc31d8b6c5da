/**
 * The directory of a zip archive and the bytes of its entries, read as hostile input; the format is APPNOTE.TXT of PKWARE.
 * fflate decompresses, and writes archives; it would believe what the directory says of sizes, and it checks no sums.
 */
import { GradtapeError } from '../base/errors.js';
import type { Sink, Source } from './file.js';
import { quote } from './keys.js';

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes in the archive, and of the file itself. */
  readonly packed: number;
  readonly size: number;
  readonly deflated: boolean;
  readonly crc: number;
  /** Where its own header begins, and how long that is at least. */
  readonly position: number;
  readonly headerBytes: number;
}

const kEndBytes = 22;
const kMaxComment = 2 ** 16 - 1;
const kLocatorBytes = 20;
const kEntryBytes = 46;
const kLocalBytes = 30;
/** What a hostile directory makes us keep stays within 100 MB. */
const kMaxDirectoryBytes = 2 ** 26;
const kMaxEntries = 2 ** 18;
/** DEFLATE makes of a byte at most so many (zlib's technical notes: 1032), and a few more of the first. */
const kMostOfAByte = 1032;
/** Bytes that are decompressed, or whose sum is taken, before others have their turn. */
const kTurnBytes = 2 ** 20;
const kPackedBytes = 2 ** 14;

type Refuse = (why: string) => GradtapeError;

function refusing(fn: string, source: Source): Refuse {
  return (why) => new GradtapeError('ERR_FORMAT', `${fn}: ${source.name} is no zip archive: ${why}`);
}

async function viewOf(source: Source, position: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await source.read(bytes, position);
  return new DataView(bytes.buffer);
}

/** A number of 64 bits; NaN above 2^53. */
function wide(view: DataView, at: number): number {
  const number = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(number) ? number : Number.NaN;
}

// Here, because most programs load and save no archive; its ES module would bring an import that esbuild's usual banner declares as well.
const fflate = (): typeof import('fflate') => require('fflate') as typeof import('fflate');

/**
 * The entries of an archive, by name. All lie in the archive, and none over another.
 * @throws GradtapeError ERR_FORMAT
 */
export async function readDirectory(fn: string, source: Source): Promise<ReadonlyMap<string, ZipEntry>> {
  const refuse = refusing(fn, source);
  const { count, from, bytes } = await directoryPlace(source, refuse);
  if (!(from + bytes <= source.size) || !(count * kEntryBytes <= bytes))
    throw refuse('its directory does not lie in it');
  if (bytes > kMaxDirectoryBytes || count > kMaxEntries) {
    throw refuse(`its directory has ${count} entries in ${bytes} bytes, which is too many`);
  }
  const view = await viewOf(source, from, bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + kEntryBytes > bytes || view.getUint32(at, true) !== 0x02014b50) throw refuse(`entry ${i} is none`);
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + kEntryBytes + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes) throw refuse(`entry ${i} does not lie in the directory`);
    const entry = entryAt(view, at, nameBytes, extraBytes, refuse);
    if (entries.has(entry.name)) throw refuse(`${quote(entry.name)} comes twice`);
    entries.set(entry.name, entry);
    at = next;
  }
  // A count that was damaged would leave entries out unsaid.
  if (at !== bytes) throw refuse(`its directory has more than the ${count} entries that it counts`);
  let end = 0;
  for (const { name, position, headerBytes, packed } of [...entries.values()].sort((a, b) => a.position - b.position)) {
    if (position < end) throw refuse(`${quote(name)} overlaps the entry before it`);
    end = position + headerBytes + packed;
    if (!(end <= from)) throw refuse(`${quote(name)} does not lie in it`);
  }
  return entries;
}

/** Where the directory is: in the record at the end, or the larger one that it leads to (zip64). */
async function directoryPlace(source: Source, refuse: Refuse): Promise<{ count: number; from: number; bytes: number }> {
  const tailBytes = Math.min(source.size, kEndBytes + kMaxComment);
  const tail = await viewOf(source, source.size - tailBytes, tailBytes);
  let end = tailBytes - kEndBytes;
  while (end >= 0 && !(tail.getUint32(end, true) === 0x06054b50 && isEnd(tail, end))) end--;
  if (end < 0) throw refuse('it has no directory');
  const place = {
    count: tail.getUint16(end + 10, true),
    from: tail.getUint32(end + 16, true),
    bytes: tail.getUint32(end + 12, true),
  }; // prettier-ignore
  const locator = end - kLocatorBytes;
  if (locator < 0 || tail.getUint32(locator, true) !== 0x07064b50) return place;
  const position = wide(tail, locator + 8);
  if (!(position + 56 <= source.size)) throw refuse('its directory does not lie in it');
  const record = await viewOf(source, position, 56);
  if (record.getUint32(0, true) !== 0x06064b50) throw refuse('its directory does not lie in it');
  return { count: wide(record, 32), bytes: wide(record, 40), from: wide(record, 48) };
}

/** Whether the comment of the record at the end reaches to the end. */
function isEnd(tail: DataView, at: number): boolean {
  return at + kEndBytes + tail.getUint16(at + 20, true) === tail.byteLength;
}

function entryAt(view: DataView, at: number, nameBytes: number, extraBytes: number, refuse: Refuse): ZipEntry {
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const bytes = Buffer.from(view.buffer, at + kEntryBytes, nameBytes);
  const name = bytes.toString(flags & 0x800 ? 'utf8' : 'latin1');
  const [size, packed, position] = sizesAt(view, at, at + kEntryBytes + nameBytes, extraBytes);
  if (flags & 0x2041) throw refuse(`${quote(name)} is encrypted`);
  if (method !== 0 && method !== 8) throw refuse(`${quote(name)} is compressed by method ${method}, not by deflate`);
  if (![size, packed, position].every(Number.isSafeInteger)) throw refuse(`${quote(name)} is too large`);
  const fits = method === 0 ? size === packed : size <= packed * kMostOfAByte;
  if (!fits) throw refuse(`${quote(name)} has ${packed} bytes, of which ${size} cannot come`);
  return {
    name,
    size,
    packed,
    deflated: method === 8,
    crc: view.getUint32(at + 16, true),
    position,
    headerBytes: kLocalBytes + nameBytes,
  };
}

/** Size, packed size and position; those that are 2^32 - 1 are in the extra field 1, in this order (zip64). */
function sizesAt(view: DataView, at: number, extra: number, extraBytes: number): [number, number, number] {
  const sizes = [24, 20, 42].map((offset) => view.getUint32(at + offset, true));
  for (let field = extra; field + 4 <= extra + extraBytes; ) {
    const end = field + 4 + view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === 1 && end <= extra + extraBytes) {
      let number = field + 4;
      for (let i = 0; i < 3; i++) {
        if (sizes[i] !== 2 ** 32 - 1) continue;
        sizes[i] = number + 8 <= end ? wide(view, number) : Number.NaN;
        number += 8;
      }
    }
    field = end;
  }
  return sizes as [number, number, number];
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const table = Uint32Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The check sum of zip (CRC-32) of more bytes. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = (table[(c ^ (bytes[i] as number)) & 255] as number) ^ (c >>> 8);
  return ~c >>> 0;
}

/**
 * Lets the bytes of an entry be used, which must be read one behind another; and checks that they were all of them, and
 * their sum.
 * @throws GradtapeError ERR_FORMAT
 */
export async function withEntry<T>(
  fn: string,
  archive: Source,
  entry: ZipEntry,
  use: (source: Source) => Promise<T>,
): Promise<T> {
  const refuse = refusing(fn, archive);
  const { name, position, packed, size } = entry;
  const local = await viewOf(archive, position, kLocalBytes);
  const from = position + kLocalBytes + local.getUint16(26, true) + local.getUint16(28, true);
  if (local.getUint32(0, true) !== 0x04034b50 || from + packed > archive.size) {
    throw refuse(`${quote(name)} is not where the directory says`);
  }
  const pull = entry.deflated ? await inflating(archive, from, entry, refuse) : storing(archive, from);
  let at = 0;
  let sum = 0;
  const result = await use({
    name: `${quote(name)} in ${archive.name}`,
    size,
    read: async (into) => {
      for (let done = 0; done < into.length; ) {
        const piece = into.subarray(done, Math.min(into.length, done + kTurnBytes));
        await pull(piece, at);
        sum = crc32(piece, sum);
        done += piece.length;
        at += piece.length;
        if (done < into.length) await turn();
      }
    },
  });
  if (at !== size || sum !== entry.crc) throw refuse(`${quote(name)} is damaged: its check sum is another one`);
  return result;
}

type Pull = (into: Uint8Array, at: number) => Promise<void>;

const storing =
  (archive: Source, from: number): Pull =>
  (into, at) =>
    archive.read(into, from + at);

async function inflating(archive: Source, from: number, entry: ZipEntry, refuse: Refuse): Promise<Pull> {
  const { Inflate } = fflate();
  const ready: Uint8Array[] = [];
  const inflate = new Inflate((chunk) => {
    if (chunk.length > 0) ready.push(chunk);
  });
  let packedAt = 0;
  const push = async (): Promise<void> => {
    const bytes = new Uint8Array(Math.min(kPackedBytes, entry.packed - packedAt));
    if (bytes.length === 0) throw refuse(`${quote(entry.name)} is damaged: it ends early`);
    await archive.read(bytes, from + packedAt);
    packedAt += bytes.length;
    try {
      inflate.push(bytes, packedAt === entry.packed);
    } catch (error) {
      throw new GradtapeError('ERR_FORMAT', refuse(`${quote(entry.name)} is damaged: ${String(error)}`).message, error);
    }
  };
  return async (into) => {
    for (let done = 0; done < into.length; ) {
      const [chunk] = ready;
      if (chunk === undefined) {
        await push();
        continue;
      }
      const taken = Math.min(chunk.length, into.length - done);
      into.set(chunk.subarray(0, taken), done);
      done += taken;
      if (taken === chunk.length) ready.shift();
      else ready[0] = chunk.subarray(taken);
    }
  };
}

/** What is written into an archive. */
export interface ZipFile {
  readonly name: string;
  readonly fill: (sink: Sink) => Promise<void>;
}

/** Writes an archive. It must have less than 2^32 bytes and 2^16 entries: fflate writes no zip64. */
export async function writeZip(sink: Sink, files: readonly ZipFile[], compress: boolean): Promise<void> {
  const { Zip, ZipDeflate, ZipPassThrough } = fflate();
  const ready: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    ready.push(chunk);
  });
  let sinceTurn = 0;
  const flush = async (): Promise<void> => {
    for (const chunk of ready.splice(0)) await sink.write(chunk);
    if (sinceTurn < kTurnBytes) return;
    sinceTurn = 0;
    await turn();
  };
  for (const { name, fill } of files) {
    const entry = compress ? new ZipDeflate(name, { level: 6 }) : new ZipPassThrough(name);
    entry.mtime = new Date(1980, 0, 1); // as NumPy's, so that equal contents are equal files
    zip.add(entry);
    await fill({
      write: async (bytes) => {
        for (let at = 0; at < bytes.length; at += kTurnBytes) {
          const piece = bytes.subarray(at, at + kTurnBytes);
          sinceTurn += piece.length;
          entry.push(piece, false);
          await flush();
        }
      },
    });
    entry.push(new Uint8Array(0), true);
    await flush();
  }
  zip.end();
  await flush();
}
