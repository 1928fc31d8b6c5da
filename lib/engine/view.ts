/** Pending views: tensors that show the elements of others, whose program is asked for those instead. */
import { opcodeOf } from './addon.js';
import { isKnown, type Tensor } from './tensor.js';

const kReshape = opcodeOf('reshape');

/** The opcode of the kernel that computes a pending tensor; -1 if the tensor is known. */
export function opcodeIn(t: Tensor): number {
  return t.op === null ? -1 : t.op.opcode;
}

/** The tensor that a pending view shows, through all pending views between; any other tensor itself. */
export function viewed(t: Tensor): Tensor {
  let base = t;
  while (opcodeIn(base) === kReshape && base.x && !isKnown(base.x)) base = base.x;
  return base;
}
