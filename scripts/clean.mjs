// Removes everything that was built, but not the packages.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './common.mjs';

for (const folder of ['build', 'dist', 'prebuilds', 'coverage']) {
  rmSync(join(root, folder), { recursive: true, force: true });
}
