// Builds dist/ from lib/: declarations by tsc; one CommonJS file by rolldown, which is the implementation, another of what
// is seldom needed, and for every export of package.json a thin entry of each kind over it. So a process that both requires and imports gradtape has
// one set of tapes and one addon.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import ts from 'typescript';
import { root, StepError } from './common.mjs';
import { targets } from './targets.mjs';

// Loaded when one of its functions is first called.
const LATE = join(root, 'lib', 'inspect', 'index.ts');

export async function buildLib() {
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
  // The package is "type": "module"; what lies here is not.
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
  const entries = entryNames().map((name) => ({
    name,
    exported: valueExports(program, join(root, 'lib', `${name}.ts`)),
  }));
  await bundle(dist, entries, lateModule(valueExports(program, LATE)));
  for (const { name, exported } of entries) {
    const lines = (line) => exported.map((e) => `  ${line(e.name)},\n`).join('');
    const write = (extension, text) => writeFileSync(join(dist, name + extension), text);
    // One literal, in which tools find the names.
    write(
      '.cjs',
      `'use strict';\nconst m = require('./library.js').${name};\nmodule.exports = {\n${lines((n) => `${n}: m.${n}`)}};\n` +
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
    const entry = `'use strict';\nrequire('./load.js').provide('${name}', () => require('../${file}'), '${file}');\n`;
    writeFileSync(join(dist, `${name}.cjs`), entry);
    writeFileSync(join(dist, `${name}.d.cts`), 'export {};\n');
  }
}

// In place of the module: functions that load it.
function lateModule(exported) {
  const lines = exported.map(
    ({ name }) => `export function ${name}() {\n  return late().${name}.apply(this, arguments);\n}\n`,
  );
  return lines.join('');
}

// In one scope all modules take half of the time to load that they take as files, and calls between them no look-up.
// `load.js` is what a target's entry needs before the addon is loaded.
async function bundle(dist, entries, late) {
  const library = entries
    .map(({ name, exported }, k) => {
      const locals = exported.map((e) => `${e.name} as ${e.name}_${k}`).join(', ');
      // A namespace as an object of values, since rolldown makes getters.
      const members = exported
        .map((e) => `${e.name}: ${e.isNamespace ? `{ ...${e.name}_${k} }` : `${e.name}_${k}`}`)
        .join(', ');
      return `import { ${locals} } from '${join(root, 'lib', `${name}.ts`)}';\nexport const ${name} = { ${members} };\n`;
    })
    .join('');
  const build = await rolldown({
    input: { library: 'library', load: join(root, 'lib', 'engine', 'load.ts'), inspect: LATE },
    platform: 'node',
    external: [/^node:/, 'node-gyp-build', 'fflate'],
    treeshake: false,
    preserveEntrySignatures: 'allow-extension',
    transform: { target: 'es2022', define: { __dirname: 'folderOfModule' } },
    plugins: [
      {
        name: 'library',
        resolveId: (id, importer) => {
          if (id === 'library') return '\0library';
          return importer && /\/inspect\/index\.js$/.test(id) ? '\0late' : null;
        },
        load: (id) => (id === '\0library' ? library : id === '\0late' ? late : null),
      },
    ],
  });
  await build.write({
    dir: dist,
    format: 'cjs',
    // The one chunk that is no entry: what both library.js and inspect.js need.
    chunkFileNames: 'common.js',
    comments: false, // the declarations keep them
    keepNames: true, // also where two modules have the same name
    externalLiveBindings: false,
    esModule: false,
    // A bundle of ES modules has no __dirname; binaries may lie beside its executable.
    // A static require, which bundlers follow, of what is loaded late.
    intro: ({ name }) =>
      `const folderOfModule = require('node:path').join(typeof __dirname === 'string' ? __dirname : \`\${process.execPath}/../dist\`, 'base');` +
      (name === 'load' || name === 'inspect' ? '' : `\nconst late = () => require('./inspect.js');`),
  });
  await build.close();
}

function entryNames() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((conditions) => conditions.import?.default)
    .filter((path) => path !== undefined)
    .map((path) => path.replace(/^.*\/(.*)\.mjs$/, '$1'));
}

// The exports that exist at run time: no types, no type-only re-exports.
function valueExports(program, fileName) {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(fileName);
  if (!file) throw new StepError(`${fileName} is an entry of package.json but not a file`);
  return checker
    .getExportsOfModule(checker.getSymbolAtLocation(file))
    .map((symbol) => ({ name: symbol.name, flags: valueFlags(checker, symbol) }))
    .filter(({ flags }) => flags !== 0)
    .map(({ name, flags }) => ({ name, isNamespace: (flags & ts.SymbolFlags.ValueModule) !== 0 }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

// What the symbol is as a value; 0 if it is only a type.
function valueFlags(checker, symbol) {
  let current = symbol;
  while (current.flags & ts.SymbolFlags.Alias) {
    if (current.declarations.some(ts.isTypeOnlyImportOrExportDeclaration)) return 0;
    current = checker.getImmediateAliasedSymbol(current);
  }
  return current.flags & ts.SymbolFlags.Value;
}

function report(diagnostics) {
  const errors = ts.sortAndDeduplicateDiagnostics(diagnostics);
  if (errors.length === 0) return;
  const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => root, getNewLine: () => '\n' };
  console.error(ts.formatDiagnostics(errors, host));
  throw new StepError(`tsc found ${errors.length} error${errors.length === 1 ? '' : 's'} in lib`);
}
