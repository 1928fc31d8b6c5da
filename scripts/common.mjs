// What the scripts share: where the project is, running a command, hashing what a build depends on. Pure Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const cores = availableParallelism();
export const bin = (name) => join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name);

export function say(line) {
  console.log(`gradtape: ${line}`);
}

export class StepError extends Error {}

/** Runs a command in the project's folder with its output shown; throws a StepError when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    ...options,
  });
  if (error || status !== 0) {
    throw new StepError(`${basename(command)} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`);
  }
}

/** Runs a command and returns what it printed; null when it cannot be run or fails. */
export function output(command, args, options = {}) {
  const { status, error, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  return error || status !== 0 ? null : stdout;
}

/** The first of these programs that the PATH has, or null. */
export function findProgram(...names) {
  const extensions = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      for (const extension of extensions) {
        const path = join(folder, name + extension);
        if (existsSync(path)) return path;
      }
    }
  }
  return null;
}

/** Every file below a folder (or the file itself), sorted, as paths from the project's folder. */
export function filesBelow(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** One hash over names and contents of all these files and folders. */
export function hashOf(...paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesBelow)) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

export function stampIs(path, value) {
  const full = join(root, path);
  return existsSync(full) && readFileSync(full, 'utf8') === value;
}

export function writeStamp(path, value) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), value);
}

/** Runs a script's main function: a failed step is one line on stderr and exit code 1, not a stack. */
export async function main(fn) {
  try {
    await fn();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`gradtape: failed: ${error.message}`);
    process.exitCode = 1;
  }
}
