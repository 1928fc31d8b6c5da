/** What an error says when the addon does not load: which case it is, and what to do. */
import { readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { GradtapeError } from '../base/errors.js';

export type Libc = 'glibc' | 'musl';

/** What was looked for. */
export interface Tried {
  /** The package's folder. */
  readonly root: string;
  readonly target: string;
  /** By GRADTAPE_ADDON. */
  readonly named: boolean;
  /** By an imported entry, in a bundle. */
  readonly isBundled: boolean;
  /** The targets of imported entries for other machines. */
  readonly others: readonly string[];
}

/** What the package has binaries for; each is an entry of package.json as well. */
export const targets: readonly string[] = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64',
  'linux-x64',
  'linuxmusl-arm64',
  'linuxmusl-x64',
  'win32-arm64',
  'win32-x64',
];

const build = 'npx gradtape build (needs Python, make and a C++17 compiler)';

function addonError(text: string, cause?: unknown): GradtapeError {
  return new GradtapeError('ERR_ADDON', `gradtape: ${text}`, cause);
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/** Whether a file is there, or a folder in its place; the system's code where that cannot be said. */
function presence(path: string): string {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'there';
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : String(code);
  }
}

/** The error of a file that is not there or may not be looked at; undefined if it is there. */
export function missing(
  { root, target, named, isBundled, others }: Tried,
  path: string,
  cause: unknown,
): GradtapeError | undefined {
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED') return undefined;
  const state = isBundled ? provision(cause) : presence(path);
  if (state === 'there' || state === 'folder') return undefined;
  if (state !== 'missing') {
    const hint =
      state === 'ERR_ACCESS_DENIED'
        ? `: under --permission Node needs --allow-addons and --allow-fs-read=${named ? path : root}`
        : '';
    return addonError(`${path} may not be read (${state})${hint}`, cause);
  }
  if (named)
    return addonError(
      `GRADTAPE_ADDON names ${path}, and there is no such file. Without the variable, gradtape finds its own`,
      cause,
    );
  if (!targets.includes(target)) {
    return addonError(
      `there is no binary for ${target} (${runtime()}), only for ${targets.join(', ')}. Elsewhere build one: ${build}`,
      cause,
    );
  }
  const imported =
    others.length > 0
      ? `; ${others.map((name) => `gradtape/${name}`).join(', ')} was imported, for another machine`
      : '';
  return addonError(
    `${path} is not there: a bundler or a copy left it out, or it is a clone that was not built${imported}. ` +
      `Keep gradtape out of the bundle (external) and its folder whole; or import 'gradtape/${target}' before gradtape, which a bundler ` +
      `can follow; or name the file by GRADTAPE_ADDON; or build one: ${build}`,
    cause,
  );
}

/** As presence, for the file of an entry, whose path only the bundler knows. */
function provision(cause: unknown): string {
  return codeOf(cause) === 'MODULE_NOT_FOUND' || /^ENOENT|no such file/i.test(textOf(cause)) ? 'missing' : 'there';
}

/** The error of a file that ends too early. */
export function cutOff(path: string): GradtapeError {
  return addonError(`${path} is cut off: it was not copied whole. Copy or install it again`);
}

/** The error of two copies: the library of one, the addon of the other. */
export function versions(
  root: string,
  version: string,
  path: string,
  other: { folder: string; version: string },
): GradtapeError {
  return addonError(
    `two copies of different versions: the library is ${version} in ${root}, but GRADTAPE_ADDON names ${path}, ` +
      `which is of ${other.version} in ${other.folder}. Unset it, or name the addon of ${version}`,
  );
}

/** The error of a file that is there and does not load. */
export function unloadable(tried: Tried, path: string, cause: unknown, libc: Libc | undefined): GradtapeError {
  const words = textOf(cause);
  const why = reason(tried, path, cause, words, libc);
  return addonError(
    `${path} does not load on ${tried.target} (${runtime()})${why ? `: ${why}` : ''}. The loader said: ${words.split('\n')[0]}`,
    cause,
  );
}

function reason({ target }: Tried, path: string, cause: unknown, words: string, libc: Libc | undefined): string {
  if (codeOf(cause) === 'ERR_DLOPEN_DISABLED') {
    return 'addons are switched off: give Node --allow-addons beside --permission, and no --no-addons';
  }
  if (presence(path) === 'folder') return 'it is a folder';
  const made = madeFor(path);
  if (made === '' || /file too short/.test(words))
    return `it is no addon but something else, or damaged. Copy or install it again`;
  if (/did not self-register/.test(words)) return 'it is a library, but no addon for Node';
  if (made && made !== `${process.platform}-${process.arch}`) {
    return `it is for ${made}${rosetta()}. node_modules of another machine? Install it on this one`;
  }
  const glibc = /version [`'](GLIBC_[\d.]+)' not found/.exec(words);
  if (glibc) return `it needs ${glibc[1]}, and this system's glibc is ${glibcVersion()}. Build one here: ${build}`;
  const library = /version [`']((?:GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(words);
  if (library)
    return `it needs ${library[1]} and was built with a newer compiler than this system has. Build one here: ${build}`;
  if (libc === 'musl' && /ld-linux|\blibc\.so\.6|libstdc\+\+\.so\.6|__\w+_chk|symbol not found/.test(words)) {
    return `it was built for glibc, and this process uses musl. Install gradtape here, or build one: ${build}`;
  }
  if (libc === 'glibc' && /libc\.musl|ld-musl|\blibc\.so:/.test(words)) {
    return `it was built for musl, and this process uses glibc. Install gradtape here, or build one: ${build}`;
  }
  if (/failed to map segment|Operation not permitted/.test(words)) {
    return `${dirname(path)} is on a file system where nothing may run (mounted noexec), or a security module forbids it`;
  }
  if (/Permission denied|EACCES/.test(words)) return 'this user may not read it';
  return targets.includes(target) ? '' : `there are binaries only for ${targets.join(', ')}. Build one: ${build}`;
}

const runtime = (): string =>
  process.versions['bun']
    ? `Bun ${process.versions['bun']}`
    : process.versions['deno']
      ? `Deno ${process.versions['deno']}`
      : `Node ${process.version}`;

/** An x64 Node on an arm64 Mac. */
function rosetta(): string {
  const translated = process.platform === 'darwin' && process.arch === 'x64' && /^Apple/.test(cpus()[0]?.model ?? '');
  return translated ? ', and this is the x64 Node under Rosetta' : '';
}

function glibcVersion(): string {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime ?? 'older';
}

const machines: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  linux: { 62: 'x64', 183: 'arm64' },
  darwin: { 16777223: 'x64', 16777228: 'arm64' },
  win32: { 34404: 'x64', 43620: 'arm64' },
};

/** Platform and architecture by a file's header; '' of a file that is no library of any; undefined if it cannot be read. */
function madeFor(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    const [platform, machine] = header(bytes);
    return machine === 0 ? '' : `${platform}-${machines[platform]?.[machine] ?? `machine ${machine}`}`;
  } catch (error) {
    return error instanceof RangeError ? '' : undefined;
  }
}

function header(bytes: Buffer): [platform: string, machine: number] {
  const magic = bytes.readUInt32LE(0);
  if (magic === 0x464c457f) return ['linux', bytes.readUInt16LE(18)];
  if (magic === 0xfeedfacf) return ['darwin', bytes.readUInt32LE(4)];
  if ((magic & 0xffff) === 0x5a4d) return ['win32', bytes.readUInt16LE(bytes.readUInt32LE(0x3c) + 4)];
  return ['', 0];
}
