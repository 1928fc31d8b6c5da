/** The addon: loading it, and writing and running programs (format: native/program/program.h). Knows no tensor. */
import { join } from 'node:path';
import type { DType } from '../base/dtype.js';
import { dtypeCode, dtypes } from '../base/dtype.js';
import { GradtapeError, ValueError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { atRest, expectRest } from './rest.js';

interface AsyncOutcome {
  status: number;
  failedValue: number;
  results: number[];
  error: string;
}

/** What the addon tells of an opcode (native/steps/step.h), in the order of their numbers. */
interface Opcode {
  name: string;
  /** Of numbers that are data, not structure. */
  numbers: number;
  /** Whether attributes are sizes: products of lengths, which may be beyond 32 bits where no length is. */
  sizes: boolean;
  /** Whether computing it again costs less than keeping it. */
  cheap: boolean;
  elementwise: boolean;
}

interface Addon {
  run(): void;
  runAsync(held: unknown): Promise<AsyncOutcome> | undefined;
  setMailbox(words: Int32Array, data: Float64Array, results: Float64Array, control: Int32Array): void;
  addressOf(buffer: ArrayBuffer): number;
  track(owner: object, bytes: number, block: number): void;
  released(): number[] | undefined;
  free(buffer: ArrayBuffer): void;
  memory(): MemoryInfo;
  rest(): void;
  clear(): void;
  lastError(): string;
  setIsa(name: string): boolean;
  setThreads(count: number): void;
  isa(): string;
  isas: string[];
  opcodes: Opcode[];
  statuses: string[];
  elementwise: { name: string; arity: number; toBool: boolean; dtypes: number[] }[];
  common: Record<string, unknown>;
}

/**
 * What `memory()` tells. Bytes are payload; the arena holds the temporaries of programs. Copies of the library in one process (test
 * runners load several) share arenas and plans, and each tells of all.
 */
export interface MemoryInfo {
  /** Buffers of tensors and variables that are alive. */
  tensors: number;
  /** Their payload. */
  bytes: number;
  /** Memory of the arenas in which programs keep their temporaries. */
  arenaBytes: number;
  /** The most that bytes and arenaBytes ever were together. */
  peakBytes: number;
  /** What lies idle and may be used again: blocks of tensors that are gone, and arenas. `clearMemory()` gives it back. */
  idleBytes: number;
  /** The plans of the latest programs: at most 512, and 64 MB or one larger than that. */
  plansBytes: number;
  /** How often an arena asked the system for memory: stands still in a steady loop. */
  arenaGrowths: number;
  /** Pages of the arenas that had to be faulted in (Linux; programs with over 1 MB of temporaries): stands still in a steady loop. */
  arenaPageFaults: number;
  /** Program structures planned so far: stands still in a steady loop. */
  plans: number;
}

function load(): Addon {
  const root = join(__dirname, '..', '..');
  const path = process.env['GRADTAPE_ADDON'];
  try {
    const loaded = (path ? require(path) : require('node-gyp-build')(root)) as { open(): Addon };
    return loaded.open();
  } catch (error) {
    throw new GradtapeError(
      'ERR_ADDON',
      `gradtape: no native addon for ${process.platform}-${process.arch} (Node ${process.version}). ` +
        `Looked in ${path ?? `build/Release and prebuilds of ${root}`}. ` +
        'Supported are linux, darwin and win32 on x64 and arm64; elsewhere, or if install scripts were ignored, build it: ' +
        `npm rebuild gradtape (needs a C++17 compiler). The loader said: ${(error as Error).message.split('\n')[0]}`,
    );
  }
}

const addon: Addon = load();

const opcodes: ReadonlyMap<string, number> = new Map(addon.opcodes.map(({ name }, opcode) => [name, opcode]));

/** Facts of opcodes by their numbers; 0 or 1. */
function facts(fact: (opcode: Opcode) => boolean): Uint8Array {
  return Uint8Array.from(addon.opcodes, (opcode) => (fact(opcode) ? 1 : 0));
}
export const takesNumbers: Uint8Array = facts(({ numbers }) => numbers > 0);
export const isCheap: Uint8Array = facts(({ cheap }) => cheap);
export const isElementwise: Uint8Array = facts(({ elementwise }) => elementwise);
const hasSizes = facts(({ sizes }) => sizes);

/** Elementwise kernels by name: their opcode and the dtypes they exist for. */
export interface ElementwiseKernel {
  readonly opcode: number;
  readonly arity: number;
  readonly toBool: boolean;
  readonly dtypes: readonly DType[];
}
export const elementwiseKernels: ReadonlyMap<string, ElementwiseKernel> = new Map(
  addon.elementwise.map((k) => [
    k.name,
    { opcode: opcodeOf(k.name), arity: k.arity, toBool: k.toBool, dtypes: k.dtypes.map((d) => dtypes[d] as DType) },
  ]),
);

/** The opcode of a kernel; a name that the addon lacks is a mistake in this package. */
export function opcodeOf(name: string): number {
  const opcode = opcodes.get(name);
  if (opcode === undefined) throw new GradtapeError('ERR_ADDON', `gradtape: the addon has no kernel named ${name}`);
  return opcode;
}

const literalOpcode = opcodeOf('literal');
const inputOpcode = opcodeOf('input');

// ---- the mailbox: a program under construction ----

let words = new Int32Array(1 << 10);
let data = new Float64Array(1 << 8);
let results = new Float64Array(1 << 7);
const control = new Int32Array(4); // words, status, failed value, whether much lies idle
let at = 2;
let dataAt = 0;
let values = 0;
let outputList: number[] = []; // pairs: a value, the input that it replaces
addon.setMailbox(words, data, results, control);

/** The array, longer and with the same contents. */
function grown<A extends Int32Array | Float64Array>(array: A, needed: number, make: (length: number) => A): A {
  let length = array.length;
  while (length < needed) length *= 2;
  const longer = make(length);
  longer.set(array);
  return longer;
}

function growWords(needed: number): void {
  words = grown(words, needed, (length) => new Int32Array(length));
  addon.setMailbox(words, data, results, control);
}

function pushData(number: number): void {
  if (dataAt >= data.length) {
    data = grown(data, dataAt + 1, (length) => new Float64Array(length));
    addon.setMailbox(words, data, results, control);
  }
  data[dataAt++] = number;
}

/** Starts an empty program. */
export function begin(): void {
  at = 2;
  dataAt = 0;
  values = 0;
  outputList = [];
}

function head(opcode: number, dtype: DType, shape: Shape, arity: number, attributes: number): void {
  const rank = shape.length;
  if (at + 4 + rank + arity + attributes > words.length) growWords(at + 4 + rank + arity + attributes);
  words[at] = opcode;
  words[at + 1] = (dtypeCode[dtype] as number) | (rank << 8);
  words[at + 2] = arity;
  words[at + 3] = attributes;
  at += 4;
  for (let i = 0; i < rank; i++) words[at++] = shape[i] as number;
}

/** Each of these appends one value and returns its index. */
export function writeLiteral(number: number, dtype: DType): number {
  head(literalOpcode, dtype, [], 0, 0);
  pushData(number);
  return values++;
}

export function writeInput(address: number, dtype: DType, shape: Shape): number {
  head(inputOpcode, dtype, shape, 0, 0);
  pushData(address);
  return values++;
}

export function write1(opcode: number, dtype: DType, shape: Shape, x: number): number {
  head(opcode, dtype, shape, 1, 0);
  words[at++] = x;
  return values++;
}

export function write2(opcode: number, dtype: DType, shape: Shape, x: number, y: number): number {
  head(opcode, dtype, shape, 2, 0);
  words[at] = x;
  words[at + 1] = y;
  at += 2;
  return values++;
}

export function write(
  opcode: number,
  dtype: DType,
  shape: Shape,
  operands: readonly number[],
  attributes: readonly number[],
): number {
  const start = at;
  head(opcode, dtype, shape, operands.length, attributes.length);
  for (let i = 0; i < operands.length; i++) words[at++] = operands[i] as number;
  let wide = false;
  for (let i = 0; i < attributes.length; i++) {
    const attribute = attributes[i] as number;
    wide ||= attribute !== (attribute | 0);
    words[at++] = attribute;
  }
  if (wide) widen(start, opcode, attributes);
  return values++;
}

/** Writes the attributes of the value at `start` again, in two words each. */
function widen(start: number, opcode: number, attributes: readonly number[]): void {
  if (!hasSizes[opcode]) {
    throw new ValueError(
      `${addon.opcodes[opcode]?.name}: positions, steps and paddings are below 2^31, got ${attributes.join(', ')}`,
    );
  }
  const count = attributes.length;
  if (at + count > words.length) growWords(at + count);
  words[start + 3] = 2 * count;
  at -= count;
  for (const attribute of attributes) {
    words[at++] = attribute; // as the language has it: modulo 2^32
    words[at++] = Math.floor(attribute / 2 ** 32);
  }
}

/** A value made of numbers that are data, not structure (random streams). */
export function writeWithData(opcode: number, dtype: DType, shape: Shape, numbers: readonly number[]): number {
  head(opcode, dtype, shape, 0, 0);
  for (const number of numbers) pushData(number);
  return values++;
}

/** Asks for a value of several elements, to be written to `address`. Outputs come after all values. */
export function writeOutput(index: number, address: number): void {
  outputList.push(index, -1);
  pushData(address);
}

/** Asks for the value of an elementwise op, to be written over an input of its size and dtype once that is not needed any more. */
export function writeReplacement(index: number, input: number): void {
  outputList.push(index, input);
}

/** Asks for a value of one element, to be returned as a number. */
export function writeResult(index: number): void {
  outputList.push(index, -1);
}

/** What went wrong while a program ran; `value` is its index in the program. */
export interface RunFailure {
  /** A name of native/steps/failures.def, which says what the two numbers are. */
  readonly status: string;
  readonly value: number;
  readonly index: number;
  readonly length: number;
}

function finish(): void {
  const { length } = outputList;
  if (at + length > words.length) growWords(at + length);
  if (length > results.length) {
    results = new Float64Array(length);
    addon.setMailbox(words, data, results, control);
  }
  words[0] = values;
  words[1] = length / 2;
  for (let i = 0; i < length; i++) words[at++] = outputList[i] as number;
  control[0] = at;
}

function failureOf(
  status: number,
  value: number,
  numbers: ArrayLike<number>,
  error: () => string = addon.lastError,
): RunFailure | null {
  if (status === 0) return null;
  const name = addon.statuses[status] ?? `status ${status}`;
  if (name === 'badProgram') throw new GradtapeError('ERR_INTERNAL', `gradtape: a malformed program: ${error()}`);
  if (name === 'inside') throw new GradtapeError('ERR_INTERNAL', `gradtape: the addon failed: ${error()}`);
  const length = numbers[1] as number;
  if (name === 'memory' && length === 0) {
    throw new GradtapeError(
      'ERR_OUT_OF_MEMORY',
      `gradtape: no memory to plan a program of ${values} values; compute less at once`,
    );
  }
  return { status: name, value, index: numbers[0] as number, length };
}

/** Runs the program. The caller holds every buffer whose address it wrote until this returns. */
export function run(): RunFailure | null {
  finish();
  runs++;
  addon.run();
  if (control[3] !== 0) expectRest();
  return control[1] === 0 ? null : failureOf(control[1] as number, control[2] as number, results);
}

/** The i-th returned number of the last run. */
export function result(i: number): number {
  return results[i] as number;
}

/** Runs the program on another thread; `held` is kept alive meanwhile. */
export async function runAsync(held: unknown): Promise<{ failure: RunFailure | null; results: readonly number[] }> {
  finish();
  runs++;
  const outcome = addon.runAsync(held);
  if (!outcome) return { failure: failureOf(control[1] as number, -1, results), results: [] };
  const { status, failedValue, results: numbers, error } = await outcome;
  expectRest();
  return { failure: failureOf(status, failedValue, numbers, () => error), results: numbers };
}

let runs = 0;
atRest({ work: () => runs, giveBack: () => addon.rest() });

/** Address of a buffer's data. The first write to a large one is made cheap, if the system can. */
export function addressOf(buffer: ArrayBuffer): number {
  return addon.addressOf(buffer);
}

/** Frees a buffer that nobody has: now, not when V8 collects. */
export function free(buffer: ArrayBuffer): void {
  addon.free(buffer);
}

/** Counts so many bytes in `memory()` for as long as the owner lives. `released` tells of the block then; -1 for none. */
export function track(owner: object, bytes: number, block: number): void {
  addon.track(owner, bytes, block);
}

/** Blocks whose owners were collected since the last call. */
export function released(): readonly number[] | undefined {
  return addon.released();
}

export function memory(): MemoryInfo {
  return addon.memory();
}

/** Gives back idle arenas and all plans. */
export function clear(): void {
  addon.clear();
}

/** An object that all copies of the library in this environment have in common. */
export const common: Record<string, unknown> = addon.common;

/** Instruction sets that this build has and this CPU can run, best first. */
export const isas: readonly string[] = addon.isas;

export function currentIsa(): string {
  return addon.isa();
}

export function setIsa(name: string): boolean {
  return addon.setIsa(name);
}

/** How many threads a program may use. */
export function setThreads(count: number): void {
  addon.setThreads(count);
}
