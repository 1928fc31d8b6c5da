/**
 * The addon: what it tells of its kernels, its memory and its settings. (load.ts loads it; program.ts writes
 * programs for it.)
 */
import type { DType } from '../base/dtype.js';
import { dtypes } from '../base/dtype.js';
import { type ErrorCode, GradtapeError } from '../base/errors.js';
import { loadAddon } from './load.js';

/** How an asynchronous run ended. */
interface AsyncOutcome {
  status: number;
  failedValue: number;
  results: number[];
  error: string;
}

/** An asynchronous run, waiting or begun. `outcome`: undefined if it was withdrawn, for which the addon needs `ticket`. */
interface AsyncRun {
  outcome: Promise<AsyncOutcome | undefined>;
  ticket: number;
  isShort: boolean;
}

/** How a run may end; the first status is "ok". One line of native/steps/failures.def each. */
export interface Status {
  readonly name: string;
  readonly code: ErrorCode;
  /** {0} and {1} stand for the two numbers of the failure. */
  readonly message: string;
}

/** What the addon tells of a kernel (native/steps/step.h). A list of these is in the order of the opcodes. */
interface Opcode {
  name: string;
  /** How many numbers it takes as data instead of words (random streams). */
  numbers: number;
  /** Whether its words are sizes: products of lengths, which may exceed 32 bits though no length does. */
  sizes: boolean;
  /** Whether computing a value again costs less than keeping it. */
  cheap: boolean;
  elementwise: boolean;
}

interface Addon {
  run(): void;
  runAsync(held: unknown): AsyncRun | undefined;
  withdraw(ticket: number): boolean;
  setMailbox(words: Int32Array, data: Float64Array, results: Float64Array, control: Int32Array): void;
  addressOf(buffer: ArrayBuffer, plain: boolean): number;
  track(owner: object, bytes: number, slab: number): void;
  released(): number[] | undefined;
  free(buffer: ArrayBuffer): void;
  note(list: number, tensor: object): void;
  takeNoted(list: number): object[];
  memory(): MemoryInfo;
  rest(): void;
  clear(): void;
  lastError(): string;
  setIsa(name: string): boolean;
  setThreads(ofProgram: number, ofQueue: number): void;
  isa(): string;
  isas: string[];
  opcodes: Opcode[];
  dtypes: { name: string; kind: string; bytes: number }[];
  statuses: Status[];
  elementwise: { name: string; arity: number; toBool: boolean; dtypes: number[] }[];
  specials: { name: string; arity: number; dtypes: number[] }[];
  common: Record<string, unknown>;
}

/**
 * What `memory()` tells. Bytes are payload; the arena holds the temporaries of programs. Copies of the library in one
 * process (test runners load several) share arenas and plans, and each tells of all.
 */
export interface MemoryInfo {
  /** Buffers of tensors and variables that are alive; not those of a few elements that V8 keeps in its own heap. */
  tensors: number;
  /** Their payload in bytes. */
  bytes: number;
  /** Bytes of the arenas, in which programs keep their temporaries. */
  arenaBytes: number;
  /** The most that bytes and arenaBytes ever were together. */
  peakBytes: number;
  /** What lies idle and may be used again: memory of tensors that are gone, and arenas. `clearMemory()` frees it. */
  idleBytes: number;
  /** The plans of the latest programs: at most 512, and 64 MB or one larger than that; 8 MB of programs that came once. */
  plansBytes: number;
  /** How often an arena asked the system for memory: stands still in a steady loop. */
  arenaGrowths: number;
  /**
   * Pages of the arenas that had to be faulted in (Linux; programs with over 1 MB of temporaries): stands still in a
   * steady loop.
   */
  arenaPageFaults: number;
  /** Program structures planned so far: stands still in a steady loop. */
  plans: number;
}

/** The addon itself, for program.ts, which runs programs. All other files use the functions below. */
export const addon: Addon = loadAddon().open() as Addon;

const opcodes: ReadonlyMap<string, number> = new Map(addon.opcodes.map(({ name }, opcode) => [name, opcode]));

/** One fact of every kernel, by opcode: 0 or 1. */
function facts(fact: (opcode: Opcode) => boolean): Uint8Array {
  return Uint8Array.from(addon.opcodes, (opcode) => (fact(opcode) ? 1 : 0));
}
/** Whether a kernel takes numbers as data. */
export const takesNumbers: Uint8Array = facts(({ numbers }) => numbers > 0);
/** Whether computing a value again costs less than keeping it. */
export const isCheap: Uint8Array = facts(({ cheap }) => cheap);
export const isElementwise: Uint8Array = facts(({ elementwise }) => elementwise);
/** Whether the words of a kernel are sizes, which may take two words each. */
export const hasSizes: Uint8Array = facts(({ sizes }) => sizes);

/** An elementwise kernel: its opcode, number of operands, and the dtypes that it has loops for. */
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

/** A function of the kernel `special` (native/steps/special.def): its number, number of operands, and dtypes. */
export interface SpecialFunction {
  readonly number: number;
  readonly arity: number;
  readonly dtypes: readonly DType[];
}
export const specialFunctions: ReadonlyMap<string, SpecialFunction> = new Map(
  addon.specials.map(({ name, arity, dtypes: numbers }, number) => [
    name,
    { number, arity, dtypes: numbers.map((d) => dtypes[d] as DType) },
  ]),
);

/**
 * The opcode of a kernel.
 * @throws GradtapeError ERR_ADDON for a name that the addon lacks: lib/ and the addon do not belong together
 */
export function opcodeOf(name: string): number {
  const opcode = opcodes.get(name);
  if (opcode === undefined)
    throw new GradtapeError('ERR_ADDON', `gradtape: the addon has no kernel named ${name}; it is of another version`);
  return opcode;
}

/** The address of a buffer's data. The system is asked for huge pages, unless `plain`. */
export function addressOf(buffer: ArrayBuffer, plain = false): number {
  return addon.addressOf(buffer, plain);
}

/** Frees a buffer that nobody uses, at once instead of when V8 collects it. */
export function free(buffer: ArrayBuffer): void {
  addon.free(buffer);
}

/**
 * Counts the bytes in `memory()` for as long as the owner lives. `slab`: the number that `released` returns
 * afterwards; -1 for none.
 */
export function track(owner: object, bytes: number, slab: number): void {
  addon.track(owner, bytes, slab);
}

/** The numbers of the slabs whose owners were collected since the last call. */
export function released(): readonly number[] | undefined {
  return addon.released();
}

/** A list of tensors that it does not keep alive. The addon has two. */
export interface WeakList {
  /** Notes a tensor. */
  add(tensor: object): void;
  /** Those noted since the last call that are alive, in the order of noting. */
  take(): object[];
}

function weakList(list: 0 | 1): WeakList {
  return { add: (tensor) => addon.note(list, tensor), take: () => addon.takeNoted(list) };
}

/** Pending tensors that keep memory (growth.ts). */
export const keepers: WeakList = weakList(0);
/** The newest of many pending tensors (crowd.ts). */
export const newest: WeakList = weakList(1);

/** The memory in use, as the addon counts it. */
export function memory(): MemoryInfo {
  return addon.memory();
}

/** Frees idle arenas and all plans. */
export function clear(): void {
  addon.clear();
}

/** An object that all copies of the library in this thread of JavaScript have in common. */
export const common: Record<string, unknown> = addon.common;

/** Instruction sets that this build has and this CPU can run, best first. */
export const isas: readonly string[] = addon.isas;

export function currentIsa(): string {
  return addon.isa();
}

/** Chooses the kernels; false if this build or CPU has no such instruction set. */
export function setIsa(name: string): boolean {
  return addon.setIsa(name);
}

/** How many threads a program may use, and how many compute asynchronous programs. */
export function setThreads(ofProgram: number, ofQueue: number): void {
  addon.setThreads(ofProgram, ofQueue);
}
