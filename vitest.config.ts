// How vitest runs the tests: over the TypeScript sources, each file in a process of its own.
import { defineConfig } from 'vitest/config';

const here = import.meta.dirname;

export default defineConfig({
  resolve: {
    alias: [
      { find: /^gradtape$/, replacement: `${here}/lib/index.ts` },
      { find: /^gradtape\/gradcheck$/, replacement: `${here}/lib/gradcheck.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
