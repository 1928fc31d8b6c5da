/** The addon: loading it, what it tells of itself, its memory and its settings. Programs for it: program.ts. */
import { join } from 'node:path';
import type { DType } from '../base/dtype.js';
import { dtypes } from '../base/dtype.js';
import { type ErrorCode, GradtapeError } from '../base/errors.js';

/** How an asynchronous run ended. */
export interface AsyncOutcome {
  status: number;
  failedValue: number;
  results: number[];
  error: string;
}

/** How a run may end: one row a status, of which the first is "ok" (native/steps/failures.def). */
export interface Status {
  readonly name: string;
  readonly code: ErrorCode;
  /** {0} and {1} stand for the two numbers of the failure. */
  readonly message: string;
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
  track(owner: object, bytes: number, chunk: number): void;
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
  dtypes: { name: string; kind: string; bytes: number }[];
  statuses: Status[];
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

/** For program.ts, which runs programs; everybody else has the functions below. */
export const addon: Addon = load();

const opcodes: ReadonlyMap<string, number> = new Map(addon.opcodes.map(({ name }, opcode) => [name, opcode]));

/** Facts of opcodes by their numbers; 0 or 1. */
function facts(fact: (opcode: Opcode) => boolean): Uint8Array {
  return Uint8Array.from(addon.opcodes, (opcode) => (fact(opcode) ? 1 : 0));
}
export const takesNumbers: Uint8Array = facts(({ numbers }) => numbers > 0);
export const isCheap: Uint8Array = facts(({ cheap }) => cheap);
export const isElementwise: Uint8Array = facts(({ elementwise }) => elementwise);
/** Whose attributes may take two words each. */
export const hasSizes: Uint8Array = facts(({ sizes }) => sizes);

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

/** Address of a buffer's data. The first write to a large one is made cheap, if the system can. */
export function addressOf(buffer: ArrayBuffer): number {
  return addon.addressOf(buffer);
}

/** Frees a buffer that nobody has: now, not when V8 collects. */
export function free(buffer: ArrayBuffer): void {
  addon.free(buffer);
}

/** Counts so many bytes in `memory()` for as long as the owner lives. `released` tells of the block then; -1 for none. */
export function track(owner: object, bytes: number, chunk: number): void {
  addon.track(owner, bytes, chunk);
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
