// The files of the repository.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

/** A file by its path from the root. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A file of test/golden. */
export const readGolden = <T>(name: string): T => JSON.parse(read(`test/golden/${name}`)) as T;

/** The namespaces of `tf` that have ops: the folders of lib/ops; '' for those without one. */
export const namespaces: readonly string[] = filesBelow('lib/ops', /(^|\/)index\.ts$/).map((path) =>
  path.replace(/^lib\/ops\/|\/?index\.ts$/g, ''),
);

/** The cases of golden/ops.json and of all files of golden/families, by op. */
export function goldenCases<C>(): Map<string, readonly C[]> {
  const cases = new Map<string, readonly C[]>();
  for (const file of ['test/golden/ops.json', ...filesBelow('test/golden/families', /\.json$/)]) {
    const { ops } = JSON.parse(read(file)) as { ops: Record<string, readonly C[]> };
    for (const [op, more] of Object.entries(ops)) cases.set(op, [...(cases.get(op) ?? []), ...more]);
  }
  return cases;
}

/** The paths below a folder whose end matches, sorted. */
export function filesBelow(folder: string, extension: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((name) => extension.test(name))
    .sort();
}
