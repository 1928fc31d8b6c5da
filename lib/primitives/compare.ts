/** Comparisons and logic, with broadcasting: elementwise ops that give bool. */
import { binary, type Fn1, type Fn2, unary } from './family.js';

export const less: Fn2 = binary({ name: 'less' });
export const lessEqual: Fn2 = binary({ name: 'lessEqual' });
export const greater: Fn2 = binary({ name: 'greater' });
export const greaterEqual: Fn2 = binary({ name: 'greaterEqual' });
export const equal: Fn2 = binary({ name: 'equal' });
export const notEqual: Fn2 = binary({ name: 'notEqual' });
export const logicalAnd: Fn2 = binary({ name: 'logicalAnd' });
export const logicalOr: Fn2 = binary({ name: 'logicalOr' });
export const logicalXor: Fn2 = binary({ name: 'logicalXor' });
export const logicalNot: Fn1 = unary({ name: 'logicalNot' });
