/** Which file the addon is loaded from, and the loading. What to say where that fails: load-failure.ts. */
import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { GradtapeError, thisCopy } from '../base/errors.js';
import { cutOff, type Libc, missing, type Tried, unloadable, versions } from './load-failure.js';

const root = dirname(thisCopy.folder);

/** A musl process has musl's loader among its files. Reading them costs 0.3 ms, Node's report 10. */
export function libcOfProcess(): Libc | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return /\/ld-musl-[^/\n]*$/m.test(readFileSync('/proc/self/maps', 'latin1')) ? 'musl' : 'glibc';
  } catch {
    return libcOfReport(); // --permission without this file, Deno
  }
}

function libcOfReport(): Libc {
  try {
    const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return report.header?.glibcVersionRuntime ? 'glibc' : 'musl';
  } catch {
    return isAlpine() ? 'musl' : 'glibc'; // refused as well
  }
}

function isAlpine(): boolean {
  try {
    return statSync('/etc/alpine-release').isFile();
  } catch {
    return false;
  }
}

const libcTag = /\.(?:glibc|musl)\.node$/;

interface Finder {
  resolve(folder: string): string;
}

/** Local builds first, then prebuilds, as node-gyp-build looks for them. */
function find(prebuilt: string, libc: Libc | undefined): string {
  const { env } = process;
  // It takes Alpine alone for musl. What it is told holds for whoever loads it next in this process, which is right
  // for them too.
  const tells = libc !== undefined && !env['LIBC'];
  if (tells) env['LIBC'] = libc;
  try {
    const found = (require('node-gyp-build') as Finder).resolve(root);
    // Somebody may have loaded it before.
    return tells && libcTag.test(found) ? found.replace(libcTag, `.${libc}.node`) : found;
  } catch {
    return prebuilt; // if that is not there, the path to name
  } finally {
    if (tells) delete env['LIBC'];
  }
}

/** A file that was cut off kills the process when it is loaded; so an ELF file's last table must lie in it. */
function isCutOff(path: string): boolean {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const header = Buffer.alloc(64);
    if (readSync(file, header, 0, 64, 0) < 64 || header.toString('latin1', 0, 5) !== '\x7fELF\x02') return false;
    const end = header.readBigUInt64LE(0x28) + BigInt(header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c));
    return BigInt(fstatSync(file).size) < end;
  } catch {
    return false; // loading it says why
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

interface Manifest {
  name?: string;
  version?: string;
}

function manifestOf(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return {};
  }
}

/** The copy of gradtape that an addon's file lies in, if it lies in one of another version than this. */
function foreignCopy(path: string): { folder: string; version: string } | undefined {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const { name, version } = manifestOf(folder);
    if (name !== 'gradtape') continue;
    return version === undefined || version === manifestOf(root).version ? undefined : { folder, version };
  }
  return undefined;
}

const provided = new Map<string, { load: () => unknown; file: string }>();

/**
 * An entry `gradtape/<target>` hands in its binary, which a bundler saw: before the library is loaded. `file`: where it lies in the
 * package.
 * @public
 */
export function provide(target: string, load: () => unknown, file: string): void {
  provided.set(target, { load, file });
}

/**
 * The exports of the addon: of the file that GRADTAPE_ADDON names, else of an imported entry, else of a local build, else
 * of the prebuilt file.
 * @throws GradtapeError ERR_ADDON where none loads
 */
export function loadAddon(): { open(): unknown } {
  const named = process.env['GRADTAPE_ADDON'];
  const libc = named ? undefined : libcOfProcess();
  const target = `${process.platform}${libc === 'musl' ? 'musl' : ''}-${process.arch}`;
  const entry = named ? undefined : provided.get(target);
  // In a bundle only the bundler knows where the file of an entry lies.
  const isBundled = entry !== undefined && manifestOf(root).name !== 'gradtape';
  const others = [...provided.keys()].filter((name) => name !== target);
  const tried: Tried = { root, target, named: Boolean(named), isBundled, others };
  const tags = libc ? `.${libc}` : '';
  const prebuilt = join(root, 'prebuilds', `${process.platform}-${process.arch}`, `gradtape${tags}.node`);
  const path = named
    ? resolve(named)
    : isBundled
      ? `the binary of gradtape/${target}`
      : entry
        ? join(root, entry.file)
        : find(prebuilt, libc);
  let loaded: unknown;
  try {
    if (named && !path.endsWith('.node'))
      throw new GradtapeError('ERR_ADDON', `gradtape: GRADTAPE_ADDON names ${path}, which is no .node file`);
    if (!isBundled && isCutOff(path)) throw cutOff(path);
    loaded = entry ? entry.load() : require(path);
  } catch (error) {
    if (error instanceof GradtapeError) throw error;
    throw missing(tried, path, error) ?? unloadable(tried, path, error, libc ?? libcOfProcess());
  }
  const other = named ? foreignCopy(path) : undefined;
  if (other) throw versions(root, String(manifestOf(root).version), path, other);
  if (typeof (loaded as { open?: unknown } | null)?.open === 'function') return loaded as { open(): unknown };
  throw new GradtapeError('ERR_ADDON', `gradtape: ${path} is an addon, but not gradtape's`);
}
