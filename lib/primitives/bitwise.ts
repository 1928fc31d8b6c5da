/**
 * Bits of integers, with broadcasting: elementwise ops of int32 and uint8, public as they are. None has a gradient.
 */
import { scalarShape } from '../base/shape.js';
import { type Tensor, uniformTensor } from '../engine/tensor.js';
import { composed, type Fn1, type Fn2, special } from './family.js';

const operands = ['x', 'y'] as const;
const shared = { namespace: 'bitwise', kinds: ['integer'] } as const;

/** The bits that both have. */
export const bitwiseAnd: Fn2 = composed({ name: 'bitwiseAnd', ...shared, operands, forward: special('bitwiseAnd') });
/** The bits that either has. */
export const bitwiseOr: Fn2 = composed({ name: 'bitwiseOr', ...shared, operands, forward: special('bitwiseOr') });
const exclusiveOr = special('bitwiseXor');
/** The bits that exactly one has. */
export const bitwiseXor: Fn2 = composed({ name: 'bitwiseXor', ...shared, operands, forward: exclusiveOr });
/** x 2^y, modulo 2^32 or 2^8. y counts as no less than 0 and no more than 31, or 7. */
export const leftShift: Fn2 = composed({ name: 'leftShift', ...shared, operands, forward: special('leftShift') });
/** floor(x / 2^y): the sign stays. y counts as no less than 0 and no more than 31, or 7. */
export const rightShift: Fn2 = composed({ name: 'rightShift', ...shared, operands, forward: special('rightShift') });
/** The bits that x has not: of int32 -1 - x, of uint8 255 - x. */
export const invert: Fn1 = composed({
  name: 'invert',
  operands: ['x'],
  ...shared,
  forward: (x) => {
    const { dtype } = x as Tensor;
    return exclusiveOr(x as Tensor, uniformTensor(dtype === 'uint8' ? 255 : -1, dtype, scalarShape));
  },
});
