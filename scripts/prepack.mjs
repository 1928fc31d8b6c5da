// Before packing: refuses to make a package that lacks dist/, one of the eight binaries, or is too large, and puts
// binding.gyp where the package has it. `npm pack` and `npm publish` run it; with --undo afterwards.
// Usage: node scripts/prepack.mjs [FOLDER] [--undo]
// GRADTAPE_TARGETS=linux-x64,darwin-arm64 asks for these binaries only: a package for trying, not for publishing.
import { copyFileSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main, output, root, StepError } from './common.mjs';
import { targets } from './targets.mjs';

const MB = 1e6;
const budgets = { x64: 2.1 * MB, arm64: 0.8 * MB, packed: 5 * MB, unpacked: 12 * MB };

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function wanted(folder) {
  const all = targets(folder);
  const only = process.env.GRADTAPE_TARGETS?.split(',').filter(Boolean);
  const unknown = only?.filter((name) => !all.some((target) => target.name === name)) ?? [];
  if (unknown.length > 0) {
    throw new StepError(
      `GRADTAPE_TARGETS: no target ${unknown.join(', ')}; there are ${all.map((t) => t.name).join(', ')}`,
    );
  }
  return only ? all.filter(({ name }) => only.includes(name)) : all;
}

// Every file that package.json names.
function entries(folder) {
  const paths = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(paths));
  const { main: first, types, bin, exports } = manifestOf(folder);
  return paths([first, types, bin, exports]).filter((path, i, all) => all.indexOf(path) === i);
}

const tell = (bytes) => `${(bytes / MB).toFixed(2)} MB`;

/** All that keeps the folder from being packed, a line each; sizes of what was built for trying do not count. */
export function faults(folder = root, budget = true) {
  const lost = entries(folder).filter((path) => !existsSync(join(folder, path)));
  const found = lost.length > 0 ? [`${lost.join(', ')} not there: run npm run build`] : [];
  const binaries = wanted(folder).map((target) => ({ ...target, path: join(folder, target.file) }));
  const absent = binaries.filter(({ path }) => !existsSync(path));
  if (absent.length > 0) {
    found.push(
      `no binary for ${absent.map(({ name }) => name).join(', ')} (${absent.map(({ file }) => file).join(', ')}): ` +
        'run npm run package:prebuild, or set GRADTAPE_TARGETS to what is to be packed for trying',
    );
  }
  for (const { path, file, arch } of budget ? binaries.filter(({ path }) => existsSync(path)) : []) {
    const { size } = statSync(path);
    if (size > budgets[arch]) found.push(`${file} has ${tell(size)}, more than ${tell(budgets[arch])}`);
  }
  return found;
}

const recipe = join('bin', 'binding.gyp');

/** Puts binding.gyp into bin/: at the top of a package it makes npm and yarn build. */
export function place(folder = root, from = root) {
  copyFileSync(join(from, 'binding.gyp'), join(folder, recipe));
}

// What npm would put into the tarball.
function room(folder) {
  const printed = output('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', folder], {
    shell: process.platform === 'win32',
  });
  if (printed === null) throw new StepError(`npm pack --dry-run ${folder}`);
  const [{ size, unpackedSize, files }] = JSON.parse(printed);
  const found = [];
  if (size > budgets.packed) found.push(`the package has ${tell(size)} packed, more than ${tell(budgets.packed)}`);
  if (unpackedSize > budgets.unpacked) {
    found.push(`the package has ${tell(unpackedSize)} unpacked, more than ${tell(budgets.unpacked)}`);
  }
  if (files.some(({ path }) => path === 'binding.gyp')) found.push('binding.gyp is at the top of the package');
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => {
    const args = process.argv.slice(2);
    const folder = resolve(args.find((arg) => !arg.startsWith('--')) ?? root);
    rmSync(join(folder, recipe), { force: true });
    if (args.includes('--undo')) return;
    const found = faults(folder);
    if (found.length === 0) {
      place(folder);
      found.push(...room(folder));
    }
    if (found.length === 0) return;
    rmSync(join(folder, recipe), { force: true });
    throw new StepError(`not fit for packing:\n  ${found.join('\n  ')}`);
  });
}
