// The users' build, tried as a user meets it where no prebuilt binary fits: the tarball without binaries is installed in
// an empty folder, npm runs its install script, node-gyp compiles binding.gyp, and the result computes something.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cores, main, run, StepError } from './common.mjs';

const SMOKE = "const tf = require('gradtape'); if (tf.reduceSum(tf.ones([2, 3])).item() !== 6) process.exit(1);";

await main(() => {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-gyp-'));
  try {
    run(process.execPath, [join(import.meta.dirname, 'pack.mjs'), folder, '--no-prebuild']);
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    // node-gyp takes Node's headers from here; without it, it downloads them.
    const prefix = dirname(dirname(process.execPath));
    const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
    run('npm install --offline --foreground-scripts --no-audit --no-fund ./*.tgz', [], {
      cwd: folder,
      shell: true,
      env: { ...process.env, JOBS: String(cores), ...headers },
    });
    if (!existsSync(join(folder, 'node_modules', 'gradtape', 'build', 'Release', 'gradtape.node'))) {
      throw new StepError('node-gyp built nothing');
    }
    run(process.execPath, ['-e', SMOKE], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
