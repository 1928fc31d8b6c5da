/**
 * Programs: writing one into the mailbox, the arrays shared with the addon, and running it (format:
 * native/program/program.h). Knows no tensor.
 */
import type { DType } from '../base/dtype.js';
import { dtypeCode } from '../base/dtype.js';
import { type ErrorCode, GradtapeError, ValueError } from '../base/errors.js';
import { type Shape, scalarShape } from '../base/shape.js';
import { addon, hasSizes, opcodeOf } from './addon.js';
import { atRest, expectRest } from './rest.js';

/** The commonest dtype: for others the table is asked, which takes a lookup by string. */
const kFloat32 = dtypeCode.float32;
const kLiteral = opcodeOf('literal');
const kInput = opcodeOf('input');

// ---- the mailbox: a program under construction ----

let words = new Int32Array(1 << 10);
let data = new Float64Array(1 << 8);
let results = new Float64Array(1 << 7);
const control = new Int32Array(4); // number of words, status, failed value, whether much memory lies idle
let at = 2;
let dataAt = 0;
let values = 0;
// Pairs: the index of a value, and that of the input that it replaces or -1.
let outputList = new Int32Array(1 << 7);
let outputsAt = 0;
// The shape written last, and where: mostly the next one is the same. V8 reads the elements of frozen arrays slowly.
let latestShape: Shape | null = null;
let latestShapeAt = 0;
/** How many elements the value written last has, by its shape. */
export let latestSize = 1;
addon.setMailbox(words, data, results, control);

/** A longer array with the same contents. */
export function grown<A extends Int32Array | Float64Array | Uint8Array>(
  array: A,
  needed: number,
  make: (length: number) => A,
): A {
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
  outputsAt = 0;
  latestShape = null;
}

/** A number that programs of one structure have in common, and others hardly: it samples the words of the values. */
export function signature(): number {
  const sample =
    (words[at >> 1] as number) ^ ((words[at - 1] as number) << 8) ^ ((words[at - (at >> 2)] as number) << 16);
  return (((sample ^ (dataAt << 24)) >>> 0) * 0x1000 + (values & 0xfff)) * 0x100 + (at & 0xff);
}

/** Begins a value; returns where the indices of its operands stand, which its words follow. */
function head(opcode: number, dtype: DType, shape: Shape, arity: number, wordCount: number): number {
  const rank = shape.length;
  let place = at;
  at = place + 4 + rank + arity + wordCount;
  if (at > words.length) growWords(at);
  words[place] = opcode;
  words[place + 1] = (dtype === 'float32' ? kFloat32 : dtypeCode[dtype]) | (rank << 8);
  words[place + 2] = arity;
  words[place + 3] = wordCount;
  place += 4;
  if (shape === latestShape) {
    for (let i = 0; i < rank; i++) words[place++] = words[latestShapeAt + i] as number;
    return place;
  }
  latestShape = shape;
  latestShapeAt = place;
  let size = 1;
  for (let i = 0; i < rank; i++) {
    const length = shape[i] as number;
    size *= length;
    words[place++] = length;
  }
  latestSize = size;
  return place;
}

// Each of these appends one value to the program and returns its index.

/** A number. */
export function writeLiteral(number: number, dtype: DType): number {
  head(kLiteral, dtype, scalarShape, 0, 0);
  pushData(number);
  return values++;
}

/** Elements in memory, row-major, at an address. The caller keeps their buffer alive until the program has run. */
export function writeInput(address: number, dtype: DType, shape: Shape): number {
  head(kInput, dtype, shape, 0, 0);
  pushData(address);
  return values++;
}

/** An op of one operand, without words. Operands are indices of values. */
export function write1(opcode: number, dtype: DType, shape: Shape, x: number): number {
  const place = head(opcode, dtype, shape, 1, 0); // may put another array into `words`
  words[place] = x;
  return values++;
}

/** An op of two operands, without words. */
export function write2(opcode: number, dtype: DType, shape: Shape, x: number, y: number): number {
  const place = head(opcode, dtype, shape, 2, 0);
  words[place] = x;
  words[place + 1] = y;
  return values++;
}

/** An op of any operands, with its words; words beyond 32 bits take two each. */
export function write(
  opcode: number,
  dtype: DType,
  shape: Shape,
  operands: readonly number[],
  opWords: readonly number[],
): number {
  const start = at;
  let place = head(opcode, dtype, shape, operands.length, opWords.length);
  for (let i = 0; i < operands.length; i++) words[place++] = operands[i] as number;
  let wide = false;
  for (let i = 0; i < opWords.length; i++) {
    const word = opWords[i] as number;
    wide ||= word !== (word | 0);
    words[place++] = word;
  }
  if (wide) widen(start, opcode, opWords);
  return values++;
}

/** Writes the words of the value at `start` again, as two words each: low and high 32 bits. */
function widen(start: number, opcode: number, opWords: readonly number[]): void {
  if (!hasSizes[opcode]) {
    throw new ValueError(
      `${addon.opcodes[opcode]?.name}: positions, steps and paddings are below 2^31, got ${opWords.join(', ')}`,
    );
  }
  const count = opWords.length;
  if (at + count > words.length) growWords(at + count);
  words[start + 3] = 2 * count;
  at -= count;
  for (const word of opWords) {
    words[at++] = word; // an Int32Array stores a number modulo 2^32
    words[at++] = Math.floor(word / 2 ** 32);
  }
}

/** An op without operands whose numbers are data, not words (random numbers): they are no part of the plan's key. */
export function writeWithData(opcode: number, dtype: DType, shape: Shape, numbers: readonly number[]): number {
  head(opcode, dtype, shape, 0, 0);
  for (const number of numbers) pushData(number);
  return values++;
}

function pushOutput(index: number, input: number): void {
  if (outputsAt >= outputList.length) outputList = grown(outputList, outputsAt + 2, (length) => new Int32Array(length));
  outputList[outputsAt] = index;
  outputList[outputsAt + 1] = input;
  outputsAt += 2;
}

/** Asks for a value of several elements, to be written to `address`. Outputs follow after all values. */
export function writeOutput(index: number, address: number): void {
  pushOutput(index, -1);
  pushData(address);
}

/**
 * Asks for the value of an elementwise op or of scatterInto, to be written over an input of the same size and dtype when
 * nothing reads that any more.
 */
export function writeReplacement(index: number, input: number): void {
  pushOutput(index, input);
}

/** Asks for a value of one element, to be returned as a number by `result`. */
export function writeResult(index: number): void {
  pushOutput(index, -1);
}

/** Why a program stopped while it ran: because of its data, or of memory. */
export interface RunFailure {
  /** Its name in native/steps/failures.def. */
  readonly status: string;
  readonly code: ErrorCode;
  /** What went wrong; reads well after the name of the failed value's op. */
  readonly message: string;
  /** The index of the failed value in the program; -1 if no single value failed. */
  readonly value: number;
}

function finish(): void {
  const length = outputsAt;
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
  const { name, code, message } = addon.statuses[status] ?? {
    name: '',
    code: 'ERR_INTERNAL',
    message: `unknown status ${status}`,
  };
  if (code === 'ERR_INTERNAL') throw new GradtapeError(code, `gradtape: ${message}: ${error()}`);
  if (name === 'memory' && numbers[1] === 0) {
    throw new GradtapeError(code, `gradtape: no memory to plan a program of ${values} values; compute less at once`);
  }
  return { status: name, code, message: message.replace(/\{([01])\}/g, (_, i) => `${numbers[i]}`), value };
}

/** Runs the program in this thread. The caller keeps every buffer alive whose address it wrote. */
export function run(): RunFailure | null {
  finish();
  runs++;
  addon.run();
  if (control[3] !== 0) expectRest();
  return control[1] === 0 ? null : failureOf(control[1] as number, control[2] as number, results);
}

/** The i-th number that the last run returned, in the order of `writeResult`. */
export function result(i: number): number {
  return results[i] as number;
}

/** A program on another thread, or waiting for one. */
export interface AsyncRun {
  /** How it ended; null if it was withdrawn before it did. */
  readonly ended: Promise<{ readonly failure: RunFailure | null; readonly results: readonly number[] } | null>;
  /** Whether its plan is short (native/plan/plan.h): then it waits for no long one. */
  readonly isShort: boolean;
  /** Drops it; if a thread has begun it, it ends before its next step, unless it was at the last. */
  withdraw(): void;
}

/** Runs the program on another thread. `held` is kept alive until it is done. */
export function runAsync(held: unknown): AsyncRun {
  finish();
  runs++;
  const run = addon.runAsync(held);
  if (!run) {
    const failure = failureOf(control[1] as number, -1, results);
    return { ended: Promise.resolve({ failure, results: [] }), isShort: true, withdraw: () => {} };
  }
  const ended = run.outcome.then((outcome) => {
    if (!outcome) return null;
    const { status, failedValue, results: numbers, error } = outcome;
    expectRest();
    return { failure: failureOf(status, failedValue, numbers, () => error), results: numbers };
  });
  return { ended, isShort: run.isShort, withdraw: () => void addon.withdraw(run.ticket) };
}

let runs = 0;
atRest({ work: () => runs, release: () => addon.rest() });
