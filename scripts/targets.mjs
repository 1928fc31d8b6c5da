// What the package has binaries for, by the entries of package.json: {linux, linuxmusl, darwin, win32} x {x64, arm64}.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './common.mjs';

/** Of each target its name (`linuxmusl-x64`), its architecture, and the file that prebuildify makes of it. */
export function targets(folder = root) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([name, { default: file }]) => file === `./dist/${name.slice(2)}.cjs`)
    .map(([name]) => {
      const [, platform, musl, arch] = /^\.\/([a-z0-9]+?)(musl)?-(\w+)$/.exec(name);
      const libc = platform === 'linux' ? `.${musl ?? 'glibc'}` : '';
      return { name: name.slice(2), platform, arch, file: `prebuilds/${platform}-${arch}/gradtape${libc}.node` };
    });
}
