// gradtape as a user has it: the package, with this machine's binary as its prebuilt one, in the node_modules of a
// folder.
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { read, root } from './files.js';

/** The addon that was built; with GRADTAPE_ADDON, that one. */
export const built: string = process.env['GRADTAPE_ADDON'] ?? join(root, 'build', 'Release', 'gradtape.node');
export const isBuilt: boolean = existsSync(built);

export const platform: string = `${process.platform}-${process.arch}`;

/** Where the package has the binary; the tests of Linux run with glibc. */
export const prebuilt: string = `prebuilds/${platform}/gradtape${process.platform === 'linux' ? '.glibc' : ''}.node`;

export interface Project {
  readonly folder: string;
  /** The package's folder. */
  readonly home: string;
}

/** A folder of its own in which gradtape is installed. */
export function installed(name: string): Project {
  const folder = mkdtempSync(join(tmpdir(), `gradtape-${name}-`));
  chmodSync(folder, 0o755);
  const home = join(folder, 'node_modules', 'gradtape');
  mkdirSync(dirname(join(home, prebuilt)), { recursive: true });
  cpSync(join(root, 'dist'), join(home, 'dist'), { recursive: true });
  copyFileSync(join(root, 'package.json'), join(home, 'package.json'));
  copyFileSync(built, join(home, prebuilt));
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
  }
  return { folder, home };
}
