// The groups of the suite, in the order in which they run: small ones first, while the process is fresh.
import * as elementwise from './elementwise.mjs';
import * as matmul from './matmul.mjs';
import * as memory from './memory.mjs';
import * as tape from './tape.mjs';
import * as training from './training.mjs';

export const groups = [tape, elementwise, matmul, training, memory];

/** The side of gradtape in a timed case. */
export function sideOf(tf, id) {
  const test = groups.flatMap((group) => group.cases).find((one) => one.id === id);
  return test?.make?.(tf);
}
