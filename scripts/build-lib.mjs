// Builds dist/ from lib/: CommonJS modules by tsc, which are the implementation, and for every export of package.json a
// thin entry of each kind over it. So a process that both requires and imports gradtape has one set of tapes and one addon.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root, StepError } from './common.mjs';
import { targets } from './targets.mjs';

export function buildLib() {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.build.json'),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => report([diagnostic]),
    },
  );
  const dist = config.options.outDir;
  rmSync(dist, { recursive: true, force: true });
  const program = ts.createProgram(config.fileNames, config.options);
  report([...config.errors, ...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]);

  mkdirSync(dist, { recursive: true });
  // The package is "type": "module"; what tsc wrote is not.
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
  for (const name of entryNames()) {
    const names = valueExports(program, join(root, 'lib', `${name}.ts`));
    const lines = (line) => names.map((exported) => `  ${line(exported)},\n`).join('');
    const write = (extension, text) => writeFileSync(join(dist, name + extension), text);
    // One literal, as tsc's `export *` makes getters: 23 ns a call of `tf.add`, here 0.6.
    write(
      '.cjs',
      `'use strict';\nconst m = require('./${name}.js');\nmodule.exports = {\n${lines((n) => `${n}: m.${n}`)}};\n` +
        `Object.defineProperty(module.exports, '__esModule', { value: true });\n`,
    );
    write('.mjs', `import m from './${name}.cjs';\n\nexport const {\n${lines((n) => n)}} = m;\n`);
    // The methods of tensors are declared in index; whoever imports another entry alone has them too.
    const declarations = `${name === 'index' ? '' : "import './index.js';\n"}export * from './${name}.js';\n`;
    write('.d.cts', declarations);
    write('.d.mts', declarations);
  }
  // A static require, which bundlers follow.
  for (const { name, file } of targets()) {
    const entry = `'use strict';\nrequire('./engine/load.js').provide('${name}', () => require('../${file}'));\n`;
    writeFileSync(join(dist, `${name}.cjs`), entry);
    writeFileSync(join(dist, `${name}.d.cts`), 'export {};\n');
  }
}

function entryNames() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((conditions) => conditions.import?.default)
    .filter((path) => path !== undefined)
    .map((path) => path.replace(/^.*\/(.*)\.mjs$/, '$1'));
}

// The names that exist at run time: no types, no type-only re-exports.
function valueExports(program, fileName) {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(fileName);
  if (!file) throw new StepError(`${fileName} is an entry of package.json but not a file`);
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(file))
    .filter((symbol) => isValue(checker, symbol))
    .map((symbol) => symbol.name)
    .sort();
}

function isValue(checker, symbol) {
  let current = symbol;
  while (current.flags & ts.SymbolFlags.Alias) {
    if (current.declarations.some(ts.isTypeOnlyImportOrExportDeclaration)) return false;
    current = checker.getImmediateAliasedSymbol(current);
  }
  return (current.flags & ts.SymbolFlags.Value) !== 0;
}

function report(diagnostics) {
  const errors = ts.sortAndDeduplicateDiagnostics(diagnostics);
  if (errors.length === 0) return;
  const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' };
  console.error(ts.formatDiagnostics(errors, host));
  throw new StepError(`tsc found ${errors.length} error${errors.length === 1 ? '' : 's'} in lib`);
}
