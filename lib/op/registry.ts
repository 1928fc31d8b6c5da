/** The registry of elementwise ops: each by its name, with what a check of its gradient has to know. */
import { GradtapeError } from '../base/errors.js';

/** How a gradient check samples the operands. */
export interface Sampling {
  /** Interval of the operands; default [-2, 2]. One an operand, or one for all. */
  readonly domain?: readonly [number, number] | readonly (readonly [number, number])[];
  /** Values to keep away from (kinks). */
  readonly avoid?: readonly number[];
}

export interface OpInfo extends Sampling {
  /** The kernel's too. */
  readonly name: string;
  readonly family: 'unary' | 'binary' | 'predicate';
  /** How many operands it takes. */
  readonly arity: 1 | 2;
  readonly differentiable: boolean;
  /** What users call; of an op that they do not call (the pullback of another), the op itself. */
  readonly fn: (...operands: never[]) => unknown;
}

export const registry: Map<string, OpInfo> = new Map();

/** Enters an op. */
export function register(info: OpInfo): void {
  if (registry.has(info.name)) throw new GradtapeError('ERR_INTERNAL', `gradtape: op ${info.name} is declared twice`);
  registry.set(info.name, info);
}
