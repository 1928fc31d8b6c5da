// Builds dist/ from lib/: CommonJS modules by tsc, joined into one file, which are the implementation, and for every
// export of package.json a thin entry of each kind over it. So a process that both requires and imports gradtape has
// one set of tapes and one addon.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
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
  writeFileSync(join(dist, 'library.js'), joined(dist));
  for (const name of entryNames()) {
    const names = valueExports(program, join(root, 'lib', `${name}.ts`));
    const lines = (line) => names.map((exported) => `  ${line(exported)},\n`).join('');
    const write = (extension, text) => writeFileSync(join(dist, name + extension), text);
    // One literal, as tsc's `export *` makes getters: 23 ns a call of `tf.add`, here 0.6.
    write(
      '.cjs',
      `'use strict';\nconst m = require('./library.js')('${name}');\nmodule.exports = {\n${lines((n) => `${n}: m.${n}`)}};\n` +
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
    const entry = `'use strict';\nrequire('./library.js')('engine/load').provide('${name}', () => require('../${file}'));\n`;
    writeFileSync(join(dist, `${name}.cjs`), entry);
    writeFileSync(join(dist, `${name}.d.cts`), 'export {};\n');
  }
}

// Finding, reading and compiling a hundred files takes half of the time of loading them.
function joined(dist) {
  const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const modules = files.sort().map((name) => {
    const id = name.split(sep).join('/').slice(0, -3);
    const text = bare(readFileSync(join(dist, name), 'utf8')).replace(/\brequire\("(\.[^"]+)\.js"\)/g, (_, path) => {
      return `load('${posix.join(posix.dirname(id), path)}')`;
    });
    rmSync(join(dist, name));
    return `'${id}'(exports, __dirname) {\n${text}}`;
  });
  return `'use strict';
const { join } = require('node:path');
// A bundle of ES modules has no __dirname; binaries may lie beside its executable.
const here = typeof __dirname === 'string' ? __dirname : join(process.execPath, '..', 'dist');
const loaded = new Map();
const modules = {
${modules.join(',\n')}
};
function load(id) {
  const there = loaded.get(id);
  if (there) return there;
  const exports = {};
  loaded.set(id, exports);
  try {
    modules[id](exports, join(here, id, '..'));
  } catch (error) {
    loaded.delete(id);
    throw error;
  }
  return exports;
}
module.exports = load;
`;
}

// The declarations keep the comments.
function bare(text) {
  const compilerOptions = { removeComments: true, target: ts.ScriptTarget.ES2022 };
  return ts.transpileModule(text, { compilerOptions }).outputText;
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
