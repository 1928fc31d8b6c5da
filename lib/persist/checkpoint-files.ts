/**
 * The files of checkpoints in a folder: `ckpt-1.safetensors`, `ckpt-2.safetensors`, ... in the order in which they were saved.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { refuseBehind } from '../base/arguments.js';
import { show, ValueError } from '../base/errors.js';
import { failed, type Path, pathIn, temporaryOwner } from './file.js';
import { headerIn } from './safetensors-header.js';

const pattern = /^ckpt-(\d{1,15})\.safetensors$/;

/** The numbers of the checkpoints in a folder, the latest first. `isAny`: also those that folders have in their names. */
function numbersIn(folder: string, isAny = false): number[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => isAny || !entry.isDirectory());
  const numbers = entries.map(({ name }) => pattern.exec(name)?.[1]);
  return numbers
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => b - a);
}

const fileOf = (folder: string, number: number): string => join(folder, `ckpt-${number}.safetensors`);

/** The path of the next checkpoint. */
export function nextFile(folder: string): string {
  return fileOf(folder, (numbersIn(folder, true)[0] ?? 0) + 1);
}

/** A temporary file that nobody has written to for so long, of a process that is gone, is left over. */
const kAbandonedMs = 600_000;

/** Removes all but the `keep` latest checkpoints (undefined: none), and what processes that were killed have left. */
export function tidy(folder: string, keep: number | undefined): void {
  for (const number of numbersIn(folder).slice(keep ?? Number.POSITIVE_INFINITY))
    rmSync(fileOf(folder, number), { force: true });
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const owner = name.startsWith('.ckpt.') ? temporaryOwner(name) : null;
    if (owner === null || isAlive(owner)) continue;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat && Date.now() - stat.mtimeMs > kAbandonedMs) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}

/** Whether a file is whole, as far as its header and its length tell. */
function isWhole(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false; // opening a pipe would wait for its writer
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    headerIn('latestCheckpoint', path, size, (length, position) => {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const read = readSync(file, bytes, done, length - done, position + done);
        if (read === 0) throw new Error('it became shorter');
        done += read;
      }
      return bytes;
    });
    return true;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}

/**
 * The path of the latest checkpoint in a folder, as `Checkpoint.save(folder)` names them; null if there is none. A file that is
 * not whole (a copy that was cut off) does not count. The only function for files that is synchronous: it reads names and headers.
 * @throws ValueError; GradtapeError ERR_FILE
 */
export function latestCheckpoint(folder: Path, extra?: unknown): string | null {
  refuseBehind('latestCheckpoint', extra);
  const path = pathIn('latestCheckpoint', folder);
  if (path === null) throw new ValueError(`latestCheckpoint: expected the path of a folder, got ${show(folder)}`);
  try {
    const number = numbersIn(path).find((one) => isWhole(fileOf(path, one)));
    return number === undefined ? null : fileOf(path, number);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return null;
    throw failed('latestCheckpoint', 'read', path, error);
  }
}
