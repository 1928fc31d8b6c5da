/** Settings: read from the environment when the library loads; read and set by `config` afterwards. */
import { availableParallelism, cpus } from 'node:os';
import { nearest } from '../base/arguments.js';
import { GradtapeError, namePlaces, show, ValueError, warnOnce } from '../base/errors.js';
import { callSite } from '../base/origin.js';
import * as addon from './addon.js';

const env = process.env;

function flag(name: string, unset = false): boolean {
  const text = env[name];
  if (text === undefined || text === '') return unset;
  if (text === '0' || text === 'false') return false;
  if (text === '1' || text === 'true') return true;
  throw new ValueError(`gradtape: ${name} is ${show(text)}; expected 1, true, 0 or false`, 'ERR_OPTION');
}

function checkThreads(threads: unknown, name: string): number {
  if (typeof threads === 'number' && Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new ValueError(`gradtape: ${name} is ${show(threads)}; expected an integer from 1 to 1024`, 'ERR_OPTION');
}

function chooseIsa(isa: unknown, name: string): void {
  const available = addon.isas.map((one) => `'${one}'`).join(', ');
  if (typeof isa !== 'string') {
    throw new ValueError(`gradtape: ${name} must be one of ${available}, got ${show(isa)}`, 'ERR_OPTION');
  }
  if (isa !== '' && addon.setIsa(isa)) return;
  throw new GradtapeError(
    'ERR_ISA',
    `gradtape: ${name} asks for ${show(isa)}, which this CPU or this build does not have; available: ${addon.isas.join(', ')}`,
  );
}

if (env['GRADTAPE_ISA']) chooseIsa(env['GRADTAPE_ISA'], 'GRADTAPE_ISA');

/** The longest chain of pending ops that nobody asks about: a longer one may be computed though nobody looked at it (growth.ts). */
export const kMaxDepth = 1000;
/** Values of longer chains are noted, to be computed together. */
export const kNotedDepth: number = kMaxDepth - 32;

interface Flags {
  eager: boolean;
  checkNumerics: boolean;
  trackOrigin: boolean;
  explain: boolean;
  /** How many values more `apply` tells growth.ts of. */
  noting: number;
  /** Whether crowd.ts notes values. */
  counting: boolean;
  /**
   * A value whose `depth` is above this is looked at by `apply` at once: kNotedDepth, or -1 (all values) while a flag
   * above is on or values are noted.
   */
  depth: number;
}

export const flags: Flags = {
  eager: flag('GRADTAPE_EAGER'),
  checkNumerics: flag('GRADTAPE_CHECK_NUMERICS'),
  trackOrigin: flag('GRADTAPE_TRACK_ORIGIN'),
  explain: flag('GRADTAPE_EXPLAIN'),
  noting: 0,
  counting: false,
  depth: kNotedDepth,
};

/** Called when a flag was set; record/trace.ts, which listens, loads later. */
const followers: (() => void)[] = [];

/** Calls `follow` now, and whenever a flag was set. */
export function onFlags(follow: () => void): void {
  followers.push(follow);
  follow();
}

function setFlag(name: 'eager' | 'checkNumerics' | 'trackOrigin' | 'explain', value: unknown): void {
  flags[name] = checkFlag(name, value);
  setDepth();
  for (const follow of followers) follow();
}

/** Whether no value is computed before somebody looks at it, whatever the settings say. */
let lazy = false;

function setDepth(): void {
  const all = flags.eager || flags.checkNumerics || flags.trackOrigin || flags.noting > 0 || flags.counting;
  flags.depth = lazy ? Number.POSITIVE_INFINITY : all ? -1 : kNotedDepth;
}

/** Whether rules are checked: numbers are to be, and there are numbers. */
export function checksRules(): boolean {
  return flags.checkNumerics && !lazy;
}

/** Runs fn, in which `apply` computes nothing, whatever the settings say: for computations with placeholders. */
export function unlooked<T>(fn: () => T): T {
  if (lazy) return fn();
  lazy = true;
  setDepth();
  try {
    return fn();
  } finally {
    lazy = false;
    setDepth();
  }
}

/** Says how many values more are noted. */
export function setNoting(count: number): void {
  flags.noting = count;
  setDepth();
}

/** Says whether crowd.ts notes values. */
export function setCounting(value: boolean): void {
  flags.counting = value;
  setDepth();
}
setFlag('eager', flags.eager);
onFlags(() => namePlaces(flags.trackOrigin ? callSite : null));

function threadsGiven(name: string, unset: number): number {
  const text = env[name];
  return text ? checkThreads(/^\d+$/.test(text) ? Number(text) : text, name) : unset;
}
let threads = threadsGiven('GRADTAPE_THREADS', availableParallelism());
// A core each for long programs, and one thread for short ones.
let asyncThreads = threadsGiven('GRADTAPE_ASYNC_THREADS', availableParallelism() + 1);
addon.setThreads(threads, asyncThreads);

if (!flag('GRADTAPE_DETERMINISTIC', true)) {
  throw new ValueError('gradtape: GRADTAPE_DETERMINISTIC is off, but results are always deterministic', 'ERR_OPTION');
}

// A misspelt variable would be ignored in silence, so it is told. Names with this prefix that are near to none may be
// of other programs.
const variables = [
  'THREADS',
  'ASYNC_THREADS',
  'ISA',
  'EAGER',
  'CHECK_NUMERICS',
  'TRACK_ORIGIN',
  'JACOBIAN_BYTES',
  'EXPLAIN',
  'DETERMINISTIC',
].map((name) => `GRADTAPE_${name}`);
for (const name of Object.keys(env)) {
  if (!name.startsWith('GRADTAPE_') || variables.includes(name)) continue;
  const meant = nearest(name, variables);
  if (meant) warnOnce(`GRADTAPE_ENVIRONMENT_${name}`, `${name} is no setting and is ignored; did you mean ${meant}?`);
}

const kLeastJacobianBytes = 2 ** 10;
const kMostJacobianBytes = 2 ** 33;
function checkJacobianBytes(bytes: unknown, name: string): number {
  if (typeof bytes === 'number' && Number.isInteger(bytes)) {
    if (bytes >= kLeastJacobianBytes && bytes <= kMostJacobianBytes) return bytes;
  }
  throw new ValueError(
    `gradtape: ${name} is ${show(bytes)}; expected a whole number of bytes from ${kLeastJacobianBytes} to ${kMostJacobianBytes}`,
    'ERR_OPTION',
  );
}
const bytesGiven = env['GRADTAPE_JACOBIAN_BYTES'];
let forJacobians = bytesGiven
  ? checkJacobianBytes(/^\d+$/.test(bytesGiven) ? Number(bytesGiven) : bytesGiven, 'GRADTAPE_JACOBIAN_BYTES')
  : 2 ** 28;

/** The setting `jacobianBytes`. */
export function jacobianBytes(): number {
  return forJacobians;
}

function checkFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ValueError(`config.${name}: expected a boolean, got ${show(value)}`, 'ERR_OPTION');
}

/** The settings of `config`: each is read from the environment when the library loads, and may be set at any time. */
export interface Config {
  /** The number of threads that a program may use. Default: those of the CPU. Results do not depend on it. */
  threads: number;
  /**
   * The number of threads that compute for `data`, `array` and `evaluateAsync`: as many programs may run at once. The first
   * of several takes only short programs (below about 0.6 ms), so that these do not wait for long ones. Default: one more
   * than the CPU has. They start when they are needed.
   */
  asyncThreads: number;
  /** The instruction set of the kernels: 'avx512', 'avx2', 'sse2' or 'neon'. Default: the best that the CPU has. */
  isa: string;
  /** Whether each op is computed when it is called. Default false. */
  eager: boolean;
  /**
   * Whether an op, or a gradient rule, that makes NaN without one in the operands, or an infinity of finite ones, throws
   * ERR_NUMERICS; each op is computed when it is called, then. Default false.
   */
  checkNumerics: boolean;
  /** Whether ops remember the line that called them, for errors that show when they are computed. Default false. */
  trackOrigin: boolean;
  /**
   * How many bytes `jacobian` and `batchJacobian` may take for what they compute on the way, beside their result. If all rows at
   * once need more, rows are computed in chunks. Default 256 MB; results do not depend on it.
   */
  jacobianBytes: number;
  /**
   * Whether names and links of everything computed are kept, though no values: then `tape.explain` has an exact answer,
   * also of a tape that was consumed. Default false.
   */
  explain: boolean;
  /** Always true: the same program gives the same bits. */
  deterministic: boolean;
}

const settings: Config = {
  get threads(): number {
    return threads;
  },
  set threads(value: number) {
    threads = checkThreads(value, 'config.threads');
    addon.setThreads(threads, asyncThreads);
  },
  get asyncThreads(): number {
    return asyncThreads;
  },
  set asyncThreads(value: number) {
    asyncThreads = checkThreads(value, 'config.asyncThreads');
    addon.setThreads(threads, asyncThreads);
  },
  get isa(): string {
    return addon.currentIsa();
  },
  set isa(value: string) {
    chooseIsa(value, 'config.isa');
  },
  get eager(): boolean {
    return flags.eager;
  },
  set eager(value: boolean) {
    setFlag('eager', value);
  },
  get checkNumerics(): boolean {
    return flags.checkNumerics;
  },
  set checkNumerics(value: boolean) {
    setFlag('checkNumerics', value);
  },
  get trackOrigin(): boolean {
    return flags.trackOrigin;
  },
  set trackOrigin(value: boolean) {
    setFlag('trackOrigin', value);
  },
  get jacobianBytes(): number {
    return forJacobians;
  },
  set jacobianBytes(value: number) {
    forJacobians = checkJacobianBytes(value, 'config.jacobianBytes');
  },
  get explain(): boolean {
    return flags.explain;
  },
  set explain(value: boolean) {
    setFlag('explain', value);
  },
  get deterministic(): boolean {
    return true;
  },
  set deterministic(value: boolean) {
    if (value !== true) throw new ValueError('config.deterministic: results are always deterministic', 'ERR_OPTION');
  },
};

// console.log prints the values, not that there are getters.
Object.defineProperty(settings, Symbol.for('nodejs.util.inspect.custom'), {
  value: () => ({ ...settings }),
});

function unknown(name: string | symbol): ValueError {
  const names = Object.keys(settings);
  const near = nearest(String(name), names);
  const hint = near ? `did you mean ${near}?` : `there are ${names.join(', ')}`;
  return new ValueError(`config: there is no setting ${String(name)}; ${hint}`, 'ERR_OPTION');
}

/** The settings. Setting an unknown one throws ValueError ERR_OPTION, which names the nearest. */
export const config: Config = new Proxy(settings, {
  set: (target, name, value) => {
    if (!Object.hasOwn(settings, name)) throw unknown(name);
    // No receiver is passed, so an object that inherits from config sets config itself.
    return Reflect.set(target, name, value);
  },
  defineProperty: (_, name) => {
    throw Object.hasOwn(settings, name)
      ? new ValueError(`config: the setting ${String(name)} cannot be defined anew; assign to it`, 'ERR_OPTION')
      : unknown(name);
  },
  deleteProperty: (_, name) => {
    throw new ValueError(`config: the setting ${String(name)} cannot be deleted`, 'ERR_OPTION');
  },
  setPrototypeOf: () => {
    throw new ValueError('config: its prototype cannot be set', 'ERR_OPTION');
  },
  preventExtensions: () => {
    throw new ValueError('config: it cannot be frozen', 'ERR_OPTION');
  },
});

/** What `deviceInfo()` tells of the machine. */
export interface DeviceInfo {
  /** Its model, as the system says. */
  readonly cpu: string;
  /** How many threads can run at once. */
  readonly cores: number;
  /** Node's names of system and architecture. */
  readonly platform: string;
  /** Instruction sets that can be chosen here, best first. */
  readonly isas: readonly string[];
  /** The one that was chosen. */
  readonly isa: string;
  /** How many threads share the work of one value. */
  readonly threads: number;
}

/** The CPU, the instruction sets that it can run, and what was chosen of them. */
export function deviceInfo(): DeviceInfo {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
    isas: addon.isas,
    isa: addon.currentIsa(),
    threads,
  };
}
