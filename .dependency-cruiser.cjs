// The ladder of lib/ (ARCHITECTURE.md): a folder is a rung, and imports only from itself and the folders before it in this list.
// The files at the top are entries and what they share. test/house.test.ts checks that every file stands on exactly one rung.
const LADDER = [
  'base',
  'engine',
  'record',
  'op',
  'primitives',
  'ops',
  'data',
  'transform',
  'inspect',
  'tape',
  'train',
  'persist',
  'expr',
  'top',
];

const pattern = (folders) =>
  folders.map((folder) => (folder === 'top' ? '^lib/[^/]+\\.ts$' : `^lib/${folder}/`)).join('|');

const rungs = LADDER.map((folder, i) => ({
  name: `rung-${i + 1}-${folder}`,
  comment: `${folder} may import only from ${LADDER.slice(0, i + 1).join(', ')}`,
  severity: 'error',
  from: { path: pattern([folder]) },
  to: { path: '^lib/', pathNot: pattern(LADDER.slice(0, i + 1)) },
}));

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'lib-imports-lib',
      comment: 'lib/ depends on itself, Node, node-gyp-build and fflate, nothing else',
      severity: 'error',
      from: { path: '^lib/' },
      to: { pathNot: '^lib/|^node_modules/(node-gyp-build|fflate)/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'packages-only-in-load',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/engine/load\\.ts$|^lib/persist/zip\\.ts$' },
      to: { path: '^node_modules/' },
    },
    ...rungs,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
