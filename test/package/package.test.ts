// Installs the packed tarball into an empty folder, without network, compiler or install scripts, and uses it there as
// ESM, as CommonJS, as both at once, and from TypeScript.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plain } from '../support/child.js';
import { root } from '../support/files.js';

interface Packed {
  tarballs: string[];
  size: number;
  files: string[];
}

let folder = '';
let packed: Packed;

function node(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
}

function runFile(name: string, source: string): string {
  writeFileSync(join(folder, name), source);
  return node(name);
}

// console.log prints the tensor as TensorFlow does.
const SEED = `
const x = tf.ones([2, 3]);
const tape = new tf.GradientTape();
const z = tape.record(() => {
  tape.watch(x);
  return tf.square(tf.reduceSum(x));
});
console.log(String(tape.gradient(z, x)));
`;
const SEED_PRINTS = 'tf.Tensor(\n[[12. 12. 12.]\n [12. 12. 12.]], shape=(2, 3), dtype=float32)\n';

describe.runIf(plain)('the package', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gradtape-package-'));
    mkdirSync(join(folder, 'packed'));
    const printed = execFileSync(process.execPath, [join(root, 'scripts', 'pack.mjs'), join(folder, 'packed')], {
      cwd: root,
      encoding: 'utf8',
    });
    packed = JSON.parse(printed) as Packed;
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const tarballs = packed.tarballs.map((name) => `./packed/${name}`);
    execFileSync(
      'npm',
      [
        'install',
        '--offline',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--cache',
        join(folder, 'cache'),
        ...tarballs,
      ],
      { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' },
    );
  });

  afterAll(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test('holds what a user needs and no more', () => {
    for (const file of ['LICENSE', 'binding.gyp', 'native/sources.gypi', 'dist/index.mjs', 'dist/index.d.mts']) {
      expect(packed.files).toContain(file);
    }
    expect(packed.files.filter((file) => /^(test|build|scripts|lib|bench|native\/test)\//.test(file))).toEqual([]);
    expect(packed.size).toBeLessThan(3 << 20);
  });

  test('imports as an ES module', () => {
    expect(runFile('seed.mjs', `import * as tf from 'gradtape';${SEED}`)).toBe(SEED_PRINTS);
  });

  test('is required as CommonJS', () => {
    expect(runFile('seed.cjs', `const tf = require('gradtape');${SEED}`)).toBe(SEED_PRINTS);
  });

  test('is one module when a process does both', () => {
    const source = `
      import { createRequire } from 'node:module';
      import * as esm from 'gradtape';
      const cjs = createRequire(import.meta.url)('gradtape');
      const names = (module) => Object.keys(module).filter((name) => name !== 'default').sort().join();
      const x = cjs.constant([3]);
      const tape = new esm.GradientTape();
      const y = tape.record(() => { tape.watch(x); return cjs.square(x); });
      console.log(names(esm) === names(cjs), esm.Tensor === cjs.Tensor, tape.gradient(y, x).item());`;
    expect(runFile('both.mjs', source)).toBe('true true 6\n');
  });

  test('has a gradcheck entry', () => {
    const source = `
      import { gradcheck } from 'gradtape/gradcheck';
      import { createRequire } from 'node:module';
      console.log(typeof gradcheck, createRequire(import.meta.url)('gradtape/gradcheck').gradcheck === gradcheck);`;
    expect(runFile('gradcheck.mjs', source)).toBe('function true\n');
  });

  test('has types for both kinds of module', () => {
    const source = `
      const x: tf.Tensor = tf.ones([2, 3]);
      const tape = new tf.GradientTape({ persistent: true });
      const y: tf.Tensor = tape.record(() => x.mul(2).reduceSum());
      export const gradient: tf.Tensor | tf.IndexedSlices | null = tape.gradient(y, x);
      // @ts-expect-error: a shape is no string
      tf.ones('2, 3');`;
    writeFileSync(join(folder, 'esm.mts'), `import * as tf from 'gradtape';${source}`);
    writeFileSync(join(folder, 'cjs.cts'), `import tf = require('gradtape');${source}`);
    const program = ts.createProgram([join(folder, 'esm.mts'), join(folder, 'cjs.cts')], {
      strict: true,
      skipDefaultLibCheck: true, // the compiler's own files
      noEmit: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
      types: [],
    });
    const messages = ts.getPreEmitDiagnostics(program).map((diagnostic) => {
      const where = diagnostic.file?.fileName.slice(folder.length + 1) ?? '';
      return `${where}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
    });
    expect(messages).toEqual([]);
  });

  test('passes publint', () => {
    const publint = join(root, 'node_modules', 'publint', 'src', 'cli.js');
    const tarball = join(folder, 'packed', packed.tarballs[0] ?? '');
    expect(execFileSync(process.execPath, [publint, 'run', tarball, '--strict'], { encoding: 'utf8' })).toContain(
      'All good!',
    );
  });

  // Whatever the README shows must run as it stands there.
  const readme = existsSync(join(root, 'README.md')) ? readFileSync(join(root, 'README.md'), 'utf8') : '';
  const blocks = [...readme.matchAll(/^```(ts|js)\n(.*?)^```/gms)].map(([, , code]) => code ?? '');
  test.each(blocks.map((code, i) => ({ number: i + 1, code })))(
    'runs block $number of the README',
    ({ number, code }) => {
      const { outputText } = ts.transpileModule(code, {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
      });
      const header = /from 'gradtape'/.test(code) ? '' : `import * as tf from 'gradtape';\n`;
      runFile(`readme-${number}.mjs`, header + outputText);
    },
  );
});
