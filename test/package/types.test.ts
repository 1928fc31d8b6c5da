// The declarations as users' compilers see them: programs compiled against dist/ by the oldest TypeScript that is supported and
// by ours, with the strictest flags, in every kind of module, with no types but the package's own.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from 'gradtape';
import newest from 'typescript';
import oldest from 'typescript-5.4';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/files.js';

let folder = '';

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'gradtape-types-')));
  const installed = join(folder, 'node_modules', 'gradtape');
  mkdirSync(installed, { recursive: true });
  for (const name of ['package.json', 'dist']) symlinkSync(join(root, name), join(installed, name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
});

afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});

type Options = newest.CompilerOptions;
const strictest: Options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  skipDefaultLibCheck: true, // the compiler's own files
  types: [],
  lib: ['lib.es2022.d.ts'],
  target: newest.ScriptTarget.ES2022,
  noEmit: true,
};
const nodeNext: Options = {
  module: newest.ModuleKind.NodeNext,
  moduleResolution: newest.ModuleResolutionKind.NodeNext,
};
const node10: Options = { module: newest.ModuleKind.CommonJS, moduleResolution: newest.ModuleResolutionKind.Node10 };
const bundler: Options = { module: newest.ModuleKind.ESNext, moduleResolution: newest.ModuleResolutionKind.Bundler };

// The two compilers have one interface, as far as it is used here; their types differ in name only.
const compilers: Record<string, typeof newest> = { oldest: oldest as unknown as typeof newest, newest };
const sourceFiles = new Map<string, newest.SourceFile | undefined>();

/** A program of these files; what the compilers read is parsed once. */
function programOf(compiler: string, files: Record<string, string>, options: Options): newest.Program {
  const ts = compilers[compiler] as typeof newest;
  const all = { ...strictest, ...options };
  const names = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  });
  const host = ts.createCompilerHost(all);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (name, how, ...rest) => {
    if (names.includes(name)) return read(name, how, ...rest);
    const key = `${compiler} ${JSON.stringify(how)} ${name}`;
    if (!sourceFiles.has(key)) sourceFiles.set(key, read(name, how, ...rest));
    return sourceFiles.get(key);
  };
  return ts.createProgram(names, all, host);
}

function errorsOf(program: newest.Program): string[] {
  return newest.getPreEmitDiagnostics(program).map((diagnostic) => {
    const { file, start = 0, messageText } = diagnostic;
    const where = file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}` : '';
    return `${where.replace(`${folder}/`, '')}: ${newest.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

// Compiles: whatever must not is marked, and the mark is an error where there is none.
const program = `
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Gradient = tf.Tensor | null;

// A variable is accepted where a tensor is, not the other way.
const dense = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor): tf.Tensor => x.matmul(w).add(b).relu();
const w = new tf.Variable([[1, 2]]);
const b = tf.variable([0, 0], { name: 'b' });
const y: tf.Tensor = dense(tf.ones([1, 1]), w, b).reduceSum();
export const both: tf.Tensor[] = [y, w];
const largest = (xs: readonly tf.Tensor[]): number => Math.max(...xs.map((x) => x.size));
largest([w, b]);
// @ts-expect-error
export const back: tf.Variable = y;
export const either = (x: tf.Tensor | tf.Variable): string => (x instanceof tf.Variable ? x.name : x.dtype);
export const narrowed = (x: number | tf.Tensor): tf.Tensor => (x instanceof tf.Tensor ? x : tf.constant(x));

// Sources of any structure, and gradients of the same.
interface Layer { w: tf.Variable; b: tf.Variable }
interface Model { readonly layers: readonly Layer[]; head: Layer; bias?: tf.Variable }
interface Tree { value: tf.Variable; left?: Tree; right?: Tree }
declare const layer: Layer;
declare const model: Model;
declare const tree: Tree;
declare const nested: tf.Nested<tf.Variable>;
const tape = new tf.GradientTape({ persistent: true });
const one = tape.gradient(y, w);
const ofLayer = tape.gradient(y, layer);
const ofModel = tape.gradient(y, model);
const ofPair = tape.gradient(y, [w, b]);
const ofList = tape.gradient(y, [w, b] as tf.Variable[]);
const ofRecord = tape.gradient(y, { w: w, all: [layer] });
const ofTree = tape.gradient(y, tree);
tape.gradient(y, nested);
tape.gradient({ loss: y, more: [y] }, layer);
tape.gradient(layer, layer, { outputGradients: ofLayer });
tape.watch(model);
tape.watch([w, { b: b }]);
const connected = tape.gradient(y, layer, { unconnectedGradients: 'zero' });
export const same: [
  Same<typeof one, Gradient>,
  Same<typeof ofLayer, { w: Gradient; b: Gradient }>,
  Same<typeof ofPair, [Gradient, Gradient]>,
  Same<typeof ofList, Gradient[]>,
  Same<typeof connected, { w: tf.Tensor; b: tf.Tensor }>,
] = [true, true, true, true, true];
const strict = new tf.GradientTape({ unconnectedGradients: 'throw' });
export const never: { w: tf.Tensor; b: tf.Tensor } = strict.gradient(y, layer);
export const own: tf.Tensor = strict.gradient(y, w);
export const asked: Gradient = strict.gradient(y, w, { unconnectedGradients: 'none' });
export const plainTape: tf.GradientTape = tape;
export const sparse: tf.Tensor = new tf.IndexedSlices([[1]], [0], [2, 1]);
export const found: tf.Variable[] = tf.trainableVariables({ layer: layer, other: new Map([['w', w]]) });
export const filtered: tf.Tensor = tf.nn.conv2d(y, w, { padding: 'same' });
export const deep: (Gradient | undefined)[] = [
  ofModel.layers[0]?.w, ofModel.head.b, ofModel.bias, ofRecord.all[0]?.b, ofRecord.w, ofTree.left?.right?.value,
];
export function descend<P extends Record<string, tf.Variable>>(parameters: P): tf.Mapped<P, Gradient> {
  return tape.gradient(y, parameters);
}
// @ts-expect-error
tape.gradient(y, { w: w, rate: 0.1 });
// @ts-expect-error
tape.gradient(y, { w: w, apply: () => y });
// @ts-expect-error
tape.gradient(y, new Map([['w', w]]));
// @ts-expect-error
tape.gradient(y, [w, null]);
// @ts-expect-error
tape.gradient(undefined, w);
// @ts-expect-error
tape.watch({ w: 1 });

// What is read has the type that is asked for.
export const elements: Float32Array = w.dataSync<Float32Array>();
export const later: Promise<Int32Array> = y.data<Int32Array>();
export const rows: number[][] = w.arraySync<number[][]>();
export const rowsLater: Promise<boolean[]> = w.array<boolean[]>();
export const any: tf.TypedArray = y.dataSync();
export const tree2: tf.NestedArray = y.arraySync();
export const json: string = JSON.stringify({ w: w, y: y });
// @ts-expect-error
y.dataSync<BigInt64Array>();
// @ts-expect-error
y.arraySync<string[]>();
// @ts-expect-error: operators are no operators of tensors
export const product = w * 2;

// Methods are the functions without their first argument, all their forms.
export const indices: tf.Tensor = y.greater(0).where();
export const chosen: tf.Tensor = y.greater(0).where(y, 0);
export const methods: tf.Tensor[] = [
  w.mul(2), w.reduceSum(0), w.reduceSum(0, { keepdims: true }), w.at(0, '::2', null), w.reshape([-1]), w.softmax(), w.cast('float64'),
  w.gather([0], { axis: 1 }), w.matmul(w, { transposeB: true }), w.clipByValue(0, 1), ...w.unstack(), w.oneHot(3), w.stopGradient(),
];
export const shifted: tf.Tensor[] = [
  w.reduceSum({ keepdims: true }), tf.reduceMean(w, { keepdims: true }), w.reshape(-1), tf.reshape(y, -1),
  tf.eye(3, { dtype: 'float64' }), tf.range(3, { dtype: 'int32' }), tf.norm(w, { keepdims: true }), w.norm({ keepdims: true }),
];
// @ts-expect-error
w.reduceSum({ keepDims: true });
// @ts-expect-error
w.relu('x');
// @ts-expect-error
w.concat([w], 0);

// Nothing of the inside is to be seen.
// @ts-expect-error
y.x;
// @ts-expect-error
y.buffer;
// @ts-expect-error
y.uniform;
// @ts-expect-error
y.cohort;
// @ts-expect-error
w.peek();
// @ts-expect-error
w.borrow();
// @ts-expect-error
w.replace('assign', y);
// @ts-expect-error
new tf.Tensor();
// @ts-expect-error
new tf.Tensor([2], 'float32', 2, 0, null, null);

// Errors: a union of codes.
export function explain(error: unknown): string {
  if (!(error instanceof tf.GradtapeError)) throw error;
  const code: tf.ErrorCode = error.code;
  switch (error.code) {
    case 'ERR_SHAPE': return error.message;
    case 'ERR_TAPE_CONSUMED': return code;
    // @ts-expect-error
    case 'ERR_SHAPES': return code;
    default: return error.name;
  }
}

// Blocks, whether or not the compiler's lib has Disposable.
{
  using block = tape.enter();
  void block;
}
tape.enter()[Symbol.dispose]();
tape[Symbol.dispose]();

gradcheck((x: tf.Tensor) => x.mul(x), [tf.constant(1)]);
const adam = new tf.optimizers.Adam({ learningRate: 0.1 });
adam.minimize(() => dense(y, w, b), [w, b]);
adam.applyGradients([[one, w]]);
const pairs = [w, b].map((v, i) => [ofList[i] ?? null, v] as const);
adam.applyGradients(pairs);
adam.applyGradients(ofPair, [w, b]);
adam.applyGradients(ofLayer, layer);
adam.applyGradients(ofModel, model);
adam.build(model).minimize((t) => { t.watch(y); return dense(y, w, b); }, layer);
// @ts-expect-error
adam.build({ w: 3 });
tf.evaluate(w, { y: y });
`;
const imports = `import * as tf from 'gradtape';\nimport { gradcheck } from 'gradtape/gradcheck';\n`;
const requires = `import tf = require('gradtape');\nimport check = require('gradtape/gradcheck');\nconst { gradcheck } = check;\n`;

// What is no source.
const bad = ['3', '{ w: w, rate: 0.1 }', '[w, "x"]', '{ w: w, f: () => y }', 'new Map([["w", w]])', 'new Net()'];
const refused = `import * as tf from 'gradtape';
  const w = new tf.Variable(1);
  const y = w.mul(2);
  class Net { w = w; predict(x: tf.Tensor): tf.Tensor { return x; } }
  const tape = new tf.GradientTape();
  ${bad.map((sources) => `tape.gradient(y, ${sources});`).join('\n')}
  ${bad.map((x) => `tape.watch(${x});`).join('\n')}`;

// For a bundler, beside other libs; what is refused, and the types whose names are compared, are files of the same program.
const bundled = new Map<string, newest.Program>();
function bundledOf(compiler: string): newest.Program {
  const found = bundled.get(compiler);
  if (found) return found;
  const lib = ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'];
  const more = `\ntape.gradient(y, w, { signal: new AbortController().signal });\n`;
  const names = `import * as tf from 'gradtape';\nexport declare const Tensor: tf.Tensor;\nexport declare const Variable: tf.Variable;\n`;
  const files = { 'bundler.ts': imports + program + more, 'bad.ts': refused, 'names.ts': names };
  const made = programOf(compiler, files, { ...bundler, lib, skipLibCheck: true });
  bundled.set(compiler, made);
  return made;
}

describe.each(Object.keys(compilers))('the declarations compile: %s TypeScript', (compiler) => {
  it('as ES modules and as CommonJS by NodeNext', () => {
    const files = { 'esm.mts': imports + program, 'cjs.cts': requires + program };
    expect(errorsOf(programOf(compiler, files, nodeNext))).toEqual([]);
  });

  it('as CommonJS by node10', () => {
    const files = { 'node10.ts': imports + program };
    expect(errorsOf(programOf(compiler, files, { ...node10, skipLibCheck: true }))).toEqual([]);
  });

  it('for a bundler, beside other libs', () => {
    const errors = errorsOf(bundledOf(compiler));
    expect(errors.filter((error) => !error.startsWith('bad.ts:'))).toEqual([]);
  });

  it('gradcheck alone has tensors with methods', () => {
    const text = `import { gradcheck } from 'gradtape/gradcheck';\ngradcheck((x) => x.mul(x).reduceSum(), [[1, 2]]);\n`;
    const options = { ...bundler, exactOptionalPropertyTypes: false };
    expect(errorsOf(programOf(compiler, { 'alone.ts': text }, options))).toEqual([]);
  });

  it('what is no source is told in words', () => {
    const errors = errorsOf(bundledOf(compiler)).filter((error) => error.startsWith('bad.ts:'));
    expect(errors.length).toBe(2 * bad.length);
    for (const error of errors) {
      expect(error).toContain('MustBeATensorOrVariable');
      expect(error.length, error).toBeLessThan(3000);
      expect(error).not.toContain('excessively deep');
    }
  });
});

describe('types and values agree', () => {
  /** The names of what a value of the type has. */
  function namesOf(type: 'Tensor' | 'Variable'): string[] {
    const program = bundledOf('newest');
    const checker = program.getTypeChecker();
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(folder, 'names.ts')) as newest.SourceFile);
    const value = checker.getExportsOfModule(module as newest.Symbol).find(({ name }) => name === type);
    const names = checker.getPropertiesOfType(checker.getTypeOfSymbol(value as newest.Symbol)).map(({ name }) => name);
    return names.filter((name) => !name.startsWith('__@')).sort();
  }

  function namesAtRunTime(value: object): Set<string> {
    const names = new Set<string>();
    for (let o = value; o !== Object.prototype; o = Object.getPrototypeOf(o)) {
      for (const name of Object.getOwnPropertyNames(o)) names.add(name);
    }
    return names;
  }

  it('every method by type exists, and every method that exists has a type', () => {
    for (const [type, value] of [
      ['Tensor', tf.constant(1)],
      ['Variable', new tf.Variable(1)],
    ] as const) {
      const typed = namesOf(type);
      const real = namesAtRunTime(value);
      expect(typed.length).toBeGreaterThan(100);
      const isMissing = (name: string): boolean => !real.has(name) && name !== 'cell';
      expect(typed.filter(isMissing), `${type}: typed, but not there`).toEqual([]);
      const ops = [...real].filter((name) => name !== 'constructor' && name in value && !Object.hasOwn(value, name));
      const inside = ['peek', 'borrow', 'checked', 'replace'];
      expect(
        ops.filter((name) => !typed.includes(name) && !inside.includes(name)),
        `${type}: there, but not typed`,
      ).toEqual([]);
    }
  });
});
