// `npm test`: sets up what is missing, then runs the tests. Arguments go to vitest: `npm test -- tape`.
// GRADTAPE_TEST_REPORT names a file for vitest's JSON report, which .ci/run counts.
import { bootstrap } from './bootstrap.mjs';
import { bin, main, run } from './common.mjs';

await main(async () => {
  await bootstrap();
  const report = process.env.GRADTAPE_TEST_REPORT;
  const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
  run(bin('vitest'), ['run', ...reporters, ...process.argv.slice(2)]);
});
