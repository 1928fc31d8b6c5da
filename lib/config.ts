/** Settings: read from the environment when the library loads, readable and settable after. */
import { availableParallelism, cpus } from 'node:os';
import { GradtapeError, show, ValueError } from './errors.js';
import * as native from './native.js';

const env = process.env;

function flag(name: string): boolean {
  const text = env[name];
  if (text === undefined || text === '' || text === '0' || text === 'false') return false;
  if (text === '1' || text === 'true') return true;
  throw new ValueError(`gradtape: ${name} is ${show(text)}; expected 1, true, 0 or false`, 'ERR_OPTION');
}

function checkThreads(threads: unknown, name: string): number {
  if (typeof threads === 'number' && Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new ValueError(`gradtape: ${name} is ${show(threads)}; expected an integer >= 1`, 'ERR_OPTION');
}

function chooseIsa(isa: string, name: string): void {
  if (native.setIsa(isa)) return;
  throw new GradtapeError(
    'ERR_ISA',
    `gradtape: ${name} asks for ${show(isa)}, which this CPU or this build does not have; available: ${native.isas.join(', ')}`,
  );
}

if (env['GRADTAPE_ISA']) chooseIsa(env['GRADTAPE_ISA'], 'GRADTAPE_ISA');

/** Flags that ops read on every call. */
export const flags: { eager: boolean; checkNumerics: boolean; trackOrigin: boolean } = {
  eager: flag('GRADTAPE_EAGER'),
  checkNumerics: flag('GRADTAPE_CHECK_NUMERICS'),
  trackOrigin: flag('GRADTAPE_TRACK_ORIGIN'),
};

let threads = 0;
function setThreads(value: unknown, name: string): void {
  threads = checkThreads(value, name);
  native.setThreads(threads);
}
if (env['GRADTAPE_THREADS']) setThreads(Number(env['GRADTAPE_THREADS']), 'GRADTAPE_THREADS');
else setThreads(availableParallelism(), 'config.threads');

function checkFlag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ValueError(`config.${name}: expected a boolean, got ${show(value)}`, 'ERR_OPTION');
}

export interface Config {
  /** Threads that a program may use. Results do not depend on it. */
  threads: number;
  /** Instruction set of the kernels: 'avx512', 'avx2', 'sse2' or 'neon'. */
  isa: string;
  /** Compute each op when it is called. */
  eager: boolean;
  /** Throw when an op makes a NaN or an infinity; implies computing each op when it is called. */
  checkNumerics: boolean;
  /** Remember where each op was called, for errors that only show later. */
  trackOrigin: boolean;
  /** Always true: the same program gives the same bits. */
  deterministic: boolean;
}

export const config: Config = {
  get threads(): number {
    return threads;
  },
  set threads(value: number) {
    setThreads(value, 'config.threads');
  },
  get isa(): string {
    return native.currentIsa();
  },
  set isa(value: string) {
    chooseIsa(value, 'config.isa');
  },
  get eager(): boolean {
    return flags.eager;
  },
  set eager(value: boolean) {
    flags.eager = checkFlag('eager', value);
  },
  get checkNumerics(): boolean {
    return flags.checkNumerics;
  },
  set checkNumerics(value: boolean) {
    flags.checkNumerics = checkFlag('checkNumerics', value);
  },
  get trackOrigin(): boolean {
    return flags.trackOrigin;
  },
  set trackOrigin(value: boolean) {
    flags.trackOrigin = checkFlag('trackOrigin', value);
  },
  get deterministic(): boolean {
    return true;
  },
  set deterministic(value: boolean) {
    if (value !== true) throw new ValueError('config.deterministic: results are always deterministic', 'ERR_OPTION');
  },
};

export interface DeviceInfo {
  readonly cpu: string;
  readonly cores: number;
  readonly platform: string;
  /** Instruction sets that can be chosen here, best first. */
  readonly isas: readonly string[];
  readonly isa: string;
  readonly threads: number;
}

/** What the CPU has and what was chosen. */
export function deviceInfo(): DeviceInfo {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform}-${process.arch}`,
    isas: native.isas,
    isa: native.currentIsa(),
    threads,
  };
}
