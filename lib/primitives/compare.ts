/**
 * Comparisons and logic, with broadcasting: elementwise ops that give bool and have no gradient, public as they are.
 * Comparisons take all numbers, of one dtype, and are false with NaN (notEqual: true); logic takes bool.
 */
import { binary, type Fn1, type Fn2, unary } from './family.js';

/** x < y. */
export const less: Fn2 = binary({ name: 'less' });
/** x <= y. */
export const lessEqual: Fn2 = binary({ name: 'lessEqual' });
/** x > y. */
export const greater: Fn2 = binary({ name: 'greater' });
/** x >= y. */
export const greaterEqual: Fn2 = binary({ name: 'greaterEqual' });
/** x == y; of bool too. */
export const equal: Fn2 = binary({ name: 'equal' });
/** x != y; of bool too. */
export const notEqual: Fn2 = binary({ name: 'notEqual' });
/** Whether both are true. */
export const logicalAnd: Fn2 = binary({ name: 'logicalAnd' });
/** Whether either is true. */
export const logicalOr: Fn2 = binary({ name: 'logicalOr' });
/** Whether exactly one is true. */
export const logicalXor: Fn2 = binary({ name: 'logicalXor' });
/** Whether x is false. */
export const logicalNot: Fn1 = unary({ name: 'logicalNot' });
