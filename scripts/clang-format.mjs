// Checks (or with --fix mends) the format of native/. The .def lists are left alone: their columns are their format.
import { filesBelow, findProgram, main, run, say } from './common.mjs';

await main(() => {
  // 14 is the version that CI has; others differ in details.
  const program = findProgram('clang-format-14', 'clang-format');
  if (!program) return say('clang-format is not installed: the format of native/ was not checked');
  const files = filesBelow('native').filter((path) => /\.(cc|h)$/.test(path));
  const mode = process.argv.includes('--fix') ? ['-i'] : ['--dry-run', '-Werror'];
  run(program, [...mode, ...files]);
});
