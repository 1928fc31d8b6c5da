// What the package has binaries for, by the entries of package.json: {linux, linuxmusl, darwin, win32} x {x64, arm64}.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './common.mjs';

/** How many bytes a binary may have. */
export const budget = { x64: 2.1e6, arm64: 0.8e6 };

/**
 * The instruction sets that a target's binary does without, to stay within its budget: Windows' calling convention saves more
 * registers, and wants tables for unwinding, so its units are a tenth larger. A CPU with AVX-512 runs the AVX2 kernels there.
 */
export const leftOut = { 'win32-x64': ['avx512'] };

/** Of each target its name (`linuxmusl-x64`), its parts, and the file that prebuildify makes of it. */
export function targets(folder = root) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([name, { default: file }]) => file === `./dist/${name.slice(2)}.cjs`)
    .map(([name]) => {
      const [, platform, musl, arch] = /^\.\/([a-z0-9]+?)(musl)?-(\w+)$/.exec(name);
      const libc = platform === 'linux' ? (musl ?? 'glibc') : undefined;
      const tag = libc ? `.${libc}` : '';
      return { name: name.slice(2), platform, arch, libc, file: `prebuilds/${platform}-${arch}/gradtape${tag}.node` };
    });
}

/** The name of this machine's target. */
export function ownTarget() {
  const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
  return `${process.platform}${musl ? 'musl' : ''}-${process.arch}`;
}
