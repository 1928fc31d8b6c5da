/**
 * Files and bytes: where what is loaded comes from, and where what is saved goes. A file is replaced as a whole: written
 * beside its place under another name, flushed, renamed, and its folder flushed.
 *
 * The one rule for all functions that load and save: they are asynchronous, and the event loop goes on while files are
 * read and written. A place is a path or a `file:` URL; bytes in memory may stand for a file that is loaded, and what is
 * saved without a place in front is returned as bytes.
 */
import type { FileHandle } from 'node:fs/promises';
import { refuseBehind } from '../base/arguments.js';
import { GradtapeError, show, ValueError } from '../base/errors.js';
import { quote } from './keys.js';

/** A file: its path, or a `file:` URL. */
export type Path = string | { readonly href: string };
/** What is loaded: a file, or its bytes (a Buffer, any other view, an ArrayBuffer). */
export type Stored = Path | ArrayBufferView | ArrayBuffer;

/** What is read: a number of bytes, some of them at a time. */
export interface Source {
  /** For errors: 'weights.safetensors', or 'the bytes'. */
  readonly name: string;
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. */
  read(into: Uint8Array, position: number): Promise<void>;
}

// Here, because most programs load and save nothing.
const files = (): typeof import('node:fs/promises') => require('node:fs/promises') as typeof import('node:fs/promises');

/** How a file is opened to be read: a pipe does not wait for its writer (Windows has none in folders). */
function toRead(): number {
  const { constants } = require('node:fs') as typeof import('node:fs');
  return constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
}

/** The most bytes that one call of the system reads or writes. */
const kPieceBytes = 2 ** 23;
/** How many pieces are read at once: two fill 1 GB in 0.55 s where one takes 0.65 (measured: two cores, file in memory). */
const kReaders = 2;
/** Reads of fewer bytes come from a window of so many times that. */
const kSmallBytes = 2 ** 14;
const kWindowBytes = 2 ** 18;

/** What to throw for an error: ours for one of the file system; any other is itself. */
export function failed(fn: string, what: string, path: string, error: unknown): unknown {
  const { code, message } = error as Error & { code?: unknown };
  if (error instanceof GradtapeError || typeof code !== 'string') return error;
  return new GradtapeError('ERR_FILE', `${fn}: cannot ${what} ${quote(path)}: ${message}`, error);
}

/** The path, if the value is one or a `file:` URL; null for anything else. */
export function pathIn(fn: string, value: unknown): string | null {
  if (typeof value === 'string') {
    if (value !== '' && !value.includes('\0')) return value;
    throw new ValueError(`${fn}: expected a path, got ${show(value)}`);
  }
  const href = hrefOf(value);
  if (href === null) return null;
  const { fileURLToPath } = require('node:url') as typeof import('node:url');
  try {
    return fileURLToPath(href);
  } catch (error) {
    throw new GradtapeError('ERR_VALUE', `${fn}: expected a path or a file: URL, got ${show(href)}`, error);
  }
}

/** The text of a URL, of whatever class; null for what is none. */
function hrefOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  try {
    const { href, protocol } = value as { href?: unknown; protocol?: unknown };
    return typeof href === 'string' && typeof protocol === 'string' ? href : null;
  } catch {
    return null; // a revoked proxy
  }
}

/** The bytes of a view or an ArrayBuffer, of any realm; null for anything else, and for what is detached. */
function bytesIn(value: unknown): Uint8Array | null {
  const { types } = require('node:util') as typeof import('node:util');
  try {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return types.isAnyArrayBuffer(value) ? new Uint8Array(value) : null;
  } catch {
    return null;
  }
}

/** Opens what is to be loaded, lets it be used, and closes it. */
export async function withSource<T>(fn: string, given: unknown, use: (source: Source) => Promise<T>): Promise<T> {
  const path = pathIn(fn, given);
  if (path !== null) return await withFile(fn, path, use);
  const bytes = bytesIn(given);
  if (bytes === null) {
    throw new ValueError(
      `${fn}: expected a path, a file: URL or bytes (Buffer, ArrayBuffer) that are not detached, got ${show(given)}`,
    );
  }
  return await use({
    name: 'the bytes',
    size: bytes.length,
    read: async (into, position) => {
      if (bytes.length === 0 && into.length > 0) {
        throw new ValueError(`${fn}: the bytes were detached while they were read`);
      }
      into.set(bytes.subarray(position, position + into.length));
    },
  });
}

async function withFile<T>(fn: string, path: string, use: (source: Source) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await files().open(path, toRead());
    const { size, isFile } = await statOf(file);
    if (!isFile) throw new GradtapeError('ERR_FILE', `${fn}: ${quote(path)} is no file`);
    return await use(new FileSource(fn, file, path, size));
  } catch (error) {
    throw failed(fn, 'read', path, error);
  } finally {
    await file?.close();
  }
}

async function statOf(file: FileHandle): Promise<{ size: number; mode: number; isFile: boolean }> {
  const stat = await file.stat();
  return { size: stat.size, mode: stat.mode, isFile: stat.isFile() };
}

/** An open file. Small reads that lie one behind another are served from one read of the system. */
class FileSource implements Source {
  readonly name: string;
  readonly size: number;
  readonly #fn: string;
  readonly #file: FileHandle;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  constructor(fn: string, file: FileHandle, path: string, size: number) {
    this.#fn = fn;
    this.#file = file;
    this.name = quote(path);
    this.size = size;
  }

  async read(into: Uint8Array, position: number): Promise<void> {
    if (into.length > kSmallBytes) {
      await this.#fill(into, position);
      return;
    }
    const end = position + into.length;
    if (position < this.#windowAt || end > this.#windowAt + this.#window.length) {
      const window = new Uint8Array(Math.min(kWindowBytes, Math.max(into.length, this.size - position)));
      await this.#fill(window, position);
      this.#window = window;
      this.#windowAt = position;
    }
    into.set(this.#window.subarray(position - this.#windowAt, end - this.#windowAt));
  }

  async #fill(into: Uint8Array, position: number): Promise<void> {
    let next = 0;
    const reader = async (): Promise<void> => {
      while (next < into.length) {
        const from = next;
        next = Math.min(into.length, from + kPieceBytes);
        await this.#piece(into.subarray(from, next), position + from);
      }
    };
    const readers = Array.from({ length: into.length > kPieceBytes ? kReaders : 1 }, reader);
    // All come to their end before an error is told: the memory must not have another use while one still writes to it.
    for (const outcome of await Promise.allSettled(readers)) if (outcome.status === 'rejected') throw outcome.reason;
  }

  async #piece(into: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) {
        throw new GradtapeError('ERR_FILE', `${this.#fn}: ${this.name} became shorter while it was read`);
      }
      done += bytesRead;
    }
  }
}

/** What a function that saves was given: the path in front, null without one, and `count` arguments behind; others are refused. */
export function savedTo(fn: string, given: readonly unknown[], count: number): [path: string | null, args: unknown[]] {
  const path = pathIn(fn, given[0]);
  const args = path === null ? given : given.slice(1);
  refuseBehind(
    fn,
    args.slice(count).find((value) => value !== undefined),
  );
  return [path, args.slice(0, count)];
}

/** Replaces the file by what `fill` writes; without a path the result is those bytes, `size` of them if that is known. */
export async function save(
  fn: string,
  path: string | null,
  fill: (sink: Sink) => Promise<void>,
  size?: number,
): Promise<Uint8Array | undefined> {
  if (path === null) return await bytesOf(fill, size);
  await replaceFile(fn, path, fill);
  return undefined;
}

/** Takes bytes one behind another. */
export interface Sink {
  /** `bytes` may be written to again once the promise is resolved. */
  write(bytes: Uint8Array): Promise<void>;
}

/** The bytes that `fill` writes, in memory, as a Buffer; `size` of them, if that is known. */
async function bytesOf(fill: (sink: Sink) => Promise<void>, size?: number): Promise<Uint8Array> {
  let all = Buffer.allocUnsafeSlow(size ?? kWindowBytes);
  let used = 0;
  const resize = (length: number): void => {
    const other = Buffer.allocUnsafeSlow(length);
    all.copy(other, 0, 0, used);
    all = other;
  };
  await fill({
    write: async (bytes) => {
      if (used + bytes.length > all.length) resize(Math.max(2 * all.length, used + bytes.length));
      all.set(bytes, used);
      used += bytes.length;
    },
  });
  if (used < all.length) resize(used);
  return all;
}

/**
 * Replaces a file by what `fill` writes. Whenever the process or the machine stops, the file is the old one or the new
 * one as a whole. A link leads to the file that is replaced; what is no file (a pipe) is written to as it is.
 * @param place gives the final path when everything is written; it and the rename are one step for other code
 * @param after runs when the file is in its place
 */
export async function replaceFile(
  fn: string,
  path: string,
  fill: (sink: Sink) => Promise<void>,
  place: (path: string) => string = (same) => same,
  after: () => void = () => undefined,
): Promise<string> {
  try {
    const old = await oldFile(path);
    const final = await (old.isFile ? replace(old, fill, place) : writeTo(path, fill));
    after();
    return final;
  } catch (error) {
    throw failed(fn, 'write', path, error);
  }
}

interface Old {
  /** Where links lead. */
  readonly path: string;
  /** False for what exists and is no file. */
  readonly isFile: boolean;
  readonly mode: number | null;
}

async function oldFile(path: string): Promise<Old> {
  const { realpath, stat } = files();
  try {
    const target = await realpath(path);
    const found = await stat(target);
    return { path: target, isFile: found.isFile(), mode: found.mode };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    return { path, isFile: true, mode: null };
  }
}

async function writeTo(path: string, fill: (sink: Sink) => Promise<void>): Promise<string> {
  const file = await files().open(path, 'w');
  try {
    await fillFile(file, fill);
  } finally {
    await file.close();
  }
  return path;
}

/** The name under which a file is written before it is renamed; `temporaryOwner` reads it. */
function temporaryName(name: string): string {
  return `.${name}.${process.pid}-${Math.random().toString(36).slice(2, 10)}.tmp`;
}

/** The process that writes a file of this name, if it is a temporary one. */
export function temporaryOwner(name: string): number | null {
  const pid = /^\..*\.(\d+)-[a-z0-9]+\.tmp$/.exec(name)?.[1];
  return pid === undefined ? null : Number(pid);
}

async function replace(
  old: Old,
  fill: (sink: Sink) => Promise<void>,
  place: (path: string) => string,
): Promise<string> {
  const { basename, dirname, join } = require('node:path') as typeof import('node:path');
  const { renameSync } = require('node:fs') as typeof import('node:fs');
  const { open, unlink } = files();
  const folder = dirname(old.path);
  const temporary = join(folder, temporaryName(basename(old.path)));
  const file = await open(temporary, 'wx');
  let final: string;
  try {
    try {
      if (old.mode !== null) await file.chmod(old.mode);
      await fillFile(file, fill);
      await file.sync();
    } finally {
      await file.close();
    }
    final = place(old.path);
    renameSync(temporary, final);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
  return final;
}

/** Makes sure that the names in a folder are on the disk. Windows opens no folders, and flushes names by itself. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await files().open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder, and those above it, if it is not there. */
export async function makeFolder(fn: string, path: string): Promise<void> {
  const { dirname } = require('node:path') as typeof import('node:path');
  try {
    const made = await files().mkdir(path, { recursive: true });
    if (made !== undefined) await syncFolder(dirname(made));
  } catch (error) {
    throw failed(fn, 'write', path, error);
  }
}

/** Whether the path is that of a folder. */
export async function isFolder(fn: string, path: string): Promise<boolean> {
  try {
    return (await files().stat(path)).isDirectory();
  } catch (error) {
    throw failed(fn, 'read', path, error);
  }
}

/** Lets `fill` write to a file. Small writes are gathered. */
async function fillFile(file: FileHandle, fill: (sink: Sink) => Promise<void>): Promise<void> {
  const gathered = new Uint8Array(kWindowBytes);
  let used = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, Math.min(kPieceBytes, bytes.length - done));
      done += bytesWritten;
    }
  };
  const flush = async (): Promise<void> => {
    const bytes = gathered.subarray(0, used);
    used = 0;
    await put(bytes);
  };
  await fill({
    write: async (bytes) => {
      if (used + bytes.length > gathered.length) await flush();
      if (bytes.length > kSmallBytes) {
        await flush();
        await put(bytes);
      } else {
        gathered.set(bytes, used);
        used += bytes.length;
      }
    },
  });
  await flush();
}
