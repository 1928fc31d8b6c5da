// `npm run check`: all that a contributor runs before a commit. With --static only what reads the sources and runs
// nothing, which is how CI calls it between its own builds.
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { bin, main, root, run, StepError, say } from './common.mjs';

const script = (name, ...args) => [process.execPath, [join(root, 'scripts', name), ...args]];

const STATIC = {
  'biome (format and lint)': [bin('biome'), ['check', '--error-on-warnings', '--colors=off', '.']],
  'tsc lib': [bin('tsc'), ['-p', 'tsconfig.json']],
  'tsc tests': [bin('tsc'), ['-p', 'tsconfig.test.json']],
  'dependency-cruiser (the ladder)': [bin('depcruise'), ['lib']],
  'knip (dead code)': [bin('knip'), ['--no-config-hints']],
  publint: [bin('publint'), ['run', '--strict']],
  'clang-format': script('clang-format.mjs'),
  'actionlint (workflows)': script('actionlint.mjs'),
};

await main(async () => {
  await bootstrap();
  const steps = { ...STATIC };
  if (!process.argv.includes('--static')) {
    steps['typedoc (the reference is whole)'] = script('docs.mjs', '--check');
    steps['node-gyp build, installed'] = script('gyp-install.mjs');
    steps.tests = script('test.mjs');
  }
  const failed = [];
  for (const [name, [command, args]] of Object.entries(steps)) {
    say(name);
    try {
      run(command, args);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new StepError(failed.join(', '));
  say(`${Object.keys(steps).length} checks passed`);
});
