// A folder for the files of a test file.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A path in a folder that is removed when the tests of the file are done. */
export function temporaryFolder(name: string): (file: string) => string {
  const folder = mkdtempSync(join(tmpdir(), `gradtape-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (file) => join(folder, file);
}
