// Packs gradtape as it would be published, from a staged copy, and its runtime dependencies beside it, so that a folder
// without network can install all three. Usage: node scripts/pack.mjs FOLDER [--no-prebuild | --prebuilds]
// By default with the binary of build/ for this machine alone; --prebuilds takes what prebuilds/ has, of any size.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findProgram, main, output, root, run, StepError } from './common.mjs';
import { place } from './prepack.mjs';
import { ownTarget, targets } from './targets.mjs';

function pack(folder, into) {
  const printed = output('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into, folder], {
    shell: process.platform === 'win32',
  });
  if (printed === null) throw new StepError(`npm pack ${folder}`);
  return JSON.parse(printed)[0];
}

// The published files; npm leaves out what `files` excludes.
function stage(folder, prebuilds) {
  const { files, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const shipped = files.filter((name) => !name.startsWith('!') && (name !== 'prebuilds' || prebuilds));
  for (const name of [...shipped, 'package.json', 'README.md', 'LICENSE']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  place(folder);
  return Object.keys(dependencies);
}

// This machine's binary, where prebuildify would put it.
function stageOwn(folder) {
  const own = targets().find(({ name }) => name === ownTarget());
  if (!own) throw new StepError(`no target for ${process.platform}-${process.arch}`);
  const binary = join(folder, own.file);
  mkdirSync(dirname(binary), { recursive: true });
  copyFileSync(join(root, 'build', 'Release', 'gradtape.node'), binary);
  const strip = process.platform === 'linux' ? findProgram('strip') : null;
  if (strip) run(strip, ['--strip-all', binary]);
}

await main(() => {
  const [folder, ...flags] = process.argv.slice(2);
  if (!folder) throw new StepError('usage: node scripts/pack.mjs FOLDER [--no-prebuild | --prebuilds]');
  const into = resolve(folder);
  const staged = join(into, 'staged');
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  const dependencies = stage(staged, flags.includes('--prebuilds'));
  if (flags.length === 0) stageOwn(staged);
  const { filename, size, unpackedSize, files } = pack(staged, into);
  const others = dependencies.map((name) => pack(join(root, 'node_modules', name), into).filename);
  rmSync(staged, { recursive: true });
  console.log(
    JSON.stringify({ tarballs: [filename, ...others], size, unpackedSize, files: files.map((file) => file.path) }),
  );
});
