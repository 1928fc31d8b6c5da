// The users' build, tried as a user meets it where no prebuilt binary fits: the tarball without binaries is installed
// in an empty folder, which builds nothing; `npx gradtape build` compiles binding.gyp, and the result computes
// something.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { main, output, run, StepError } from './common.mjs';

const SMOKE = "const tf = require('gradtape'); if (tf.reduceSum(tf.ones([2, 3])).item() !== 6) process.exit(1);";

await main(() => {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-gyp-'));
  try {
    run(process.execPath, [join(import.meta.dirname, 'pack.mjs'), folder, '--no-prebuild']);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const windows = { cwd: folder, shell: process.platform === 'win32' };
    run('npm install --offline --foreground-scripts --no-audit --no-fund ./*.tgz', [], { cwd: folder, shell: true });
    const built = join(folder, 'node_modules', 'gradtape', 'build');
    if (existsSync(built)) throw new StepError('npm install built something');
    if (output(process.execPath, ['-e', SMOKE], { cwd: folder, stdio: 'pipe' }) !== null) {
      throw new StepError('the package without a binary loaded one');
    }
    run('npx', ['--offline', 'gradtape', 'build'], windows);
    if (!existsSync(join(built, 'Release', 'gradtape.node'))) throw new StepError('node-gyp built nothing');
    run(process.execPath, ['-e', SMOKE], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
