// Packs gradtape as it would be published, from a staged copy, and its runtime dependencies beside it, so that a folder
// without network can install all three. Usage: node scripts/pack.mjs FOLDER [--no-prebuild]
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findProgram, main, output, root, run, StepError } from './common.mjs';

function pack(folder, into) {
  const printed = output('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', into, folder], {
    shell: process.platform === 'win32',
  });
  if (printed === null) throw new StepError(`npm pack ${folder}`);
  return JSON.parse(printed)[0];
}

// The published files, with the binary of this machine where prebuildify would put it.
function stage(folder, prebuild) {
  const { files, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const shipped = files.filter((name) => !name.startsWith('!') && name !== 'prebuilds');
  for (const name of [...shipped, 'package.json', 'README.md', 'LICENSE']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  if (prebuild) {
    const prebuilds = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(prebuilds, { recursive: true });
    const binary = join(prebuilds, 'gradtape.node');
    copyFileSync(join(root, 'build', 'Release', 'gradtape.node'), binary);
    const strip = process.platform === 'linux' ? findProgram('strip') : null;
    if (strip) run(strip, ['--strip-all', binary]);
  }
  return Object.keys(dependencies);
}

await main(() => {
  const [folder, ...flags] = process.argv.slice(2);
  if (!folder) throw new StepError('usage: node scripts/pack.mjs FOLDER [--no-prebuild]');
  const into = resolve(folder);
  const staged = join(into, 'staged');
  rmSync(staged, { recursive: true, force: true });
  mkdirSync(staged, { recursive: true });
  const dependencies = stage(staged, !flags.includes('--no-prebuild'));
  const { filename, size, files } = pack(staged, into);
  const others = dependencies.map((name) => pack(join(root, 'node_modules', name), into).filename);
  rmSync(staged, { recursive: true });
  console.log(JSON.stringify({ tarballs: [filename, ...others], size, files: files.map((file) => file.path) }));
});
