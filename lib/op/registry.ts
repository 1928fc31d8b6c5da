/** The registry of elementwise ops, by name: facts for methods, `expr` and the tests that check every op. */
import { GradtapeError } from '../base/errors.js';

/** How a check of gradients draws the operands. */
export interface Sampling {
  /** The interval that operands are drawn from, default [-2, 2]; or a list, one for each operand. */
  readonly domain?: readonly [number, number] | readonly (readonly [number, number])[];
  /** Values to keep away from, where the derivative jumps. */
  readonly avoid?: readonly number[];
}

export interface OpInfo extends Sampling {
  /** The name of the op, and of its kernel. */
  readonly name: string;
  readonly family: 'unary' | 'binary' | 'predicate';
  /** How many operands it takes. */
  readonly arity: 1 | 2;
  readonly differentiable: boolean;
  /** The function that users call; or that of the op itself, where it is only part of the gradient of another. */
  readonly fn: (...operands: never[]) => unknown;
}

export const registry: Map<string, OpInfo> = new Map();

/** Adds an op. */
export function register(info: OpInfo): void {
  if (registry.has(info.name)) throw new GradtapeError('ERR_INTERNAL', `gradtape: op ${info.name} is declared twice`);
  registry.set(info.name, info);
}
