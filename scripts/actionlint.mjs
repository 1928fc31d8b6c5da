// Checks .github/workflows by actionlint: that of the PATH, or a pinned one that Go builds into build/actionlint, once. Where
// neither is to be had it says so and passes: the workflow itself runs it, on a machine with Go.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, main, output, root, run, StepError, say } from './common.mjs';

const VERSION = '1.7.12';
const folder = join(root, 'build', 'actionlint', VERSION);

function actionlint() {
  const program = join(folder, process.platform === 'win32' ? 'actionlint.exe' : 'actionlint');
  const found = existsSync(program) ? program : findProgram('actionlint');
  if (found) return found;
  const go = findProgram('go');
  if (!go) return null;
  say(`building actionlint ${VERSION} with Go into build/actionlint (once) ...`);
  const module = `github.com/rhysd/actionlint/cmd/actionlint@v${VERSION}`;
  if (
    output(go, ['install', module], {
      env: { ...process.env, GOBIN: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    }) === null
  ) {
    throw new StepError(`go install ${module}`);
  }
  return program;
}

await main(() => {
  const program = actionlint();
  if (program) run(program, []);
  else say('workflows not checked: neither actionlint nor go is on the PATH');
});
