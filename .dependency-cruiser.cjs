// The ladder of lib/ (ARCHITECTURE.md): a file imports only from rungs below it, or from its own rung. One line is one
// rung, lowest first; test/house.test.ts checks that every file of lib/ stands on exactly one.
const LADDER = [
  ['errors', 'arguments', 'nested', 'dtype', 'shape', 'format', 'turn', 'random-stream', 'rest'], // pure
  ['native', 'config'], // native is the only file that loads the addon
  ['collector', 'memory', 'tensor'],
  ['tape'],
  ['pending'],
  ['constant', 'variable', 'evaluate', 'read', 'sources', 'usage'],
  ['op'],
  ['ops/*', 'indexed-slices'],
  ['backward'],
  ['gradient-tape', 'custom-gradient', 'forward-accumulator'],
  ['transforms', 'gradcheck', 'trainable-variables'],
  ['optimizers', 'losses', 'initializers', 'persistence', 'expr-parser', 'expr', 'explain'],
  ['index'],
];

const pattern = (names) => `^lib/(${names.map((name) => name.replace('*', '[^/]+')).join('|')})\\.ts$`;

const rungs = LADDER.map((names, i) => ({
  name: `rung-${i + 1}-${names[0].replace('/*', '')}`,
  comment: `${names.join(', ')} may import only from ${LADDER.slice(0, i + 1)
    .flat()
    .join(', ')}`,
  severity: 'error',
  from: { path: pattern(names) },
  to: { path: '^lib/', pathNot: pattern(LADDER.slice(0, i + 1).flat()) },
}));

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'lib-imports-lib',
      comment: 'lib/ depends on itself, Node and node-gyp-build, nothing else',
      severity: 'error',
      from: { path: '^lib/' },
      to: { pathNot: '^lib/|^node_modules/node-gyp-build/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'addon-only-in-native',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/native\\.ts$' },
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
