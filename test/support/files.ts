// The files of the repository.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

/** A file by its path from the root. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A file of test/golden. */
export const readGolden = <T>(name: string): T => JSON.parse(read(`test/golden/${name}`)) as T;

/** The paths below a folder whose end matches, sorted. */
export function filesBelow(folder: string, extension: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((name) => extension.test(name))
    .sort();
}
