// The groups of the suite, in the order in which they run: small ones first, while the process is fresh.
// A case: { id, name, unit, count?, rtol?, expect?, kind, given?, parallel?, make(tf) }. `kind` and `given` tell an opponent
// what to do (peers/ has an entry a kind), `make` is our side; with `of` and `figure` it is about memory (memory.mjs).
import * as convolution from './convolution.mjs';
import * as data from './data.mjs';
import * as elementwise from './elementwise.mjs';
import * as jacobian from './jacobian.mjs';
import * as linalg from './linalg.mjs';
import * as matmul from './matmul.mjs';
import * as memory from './memory.mjs';
import * as reduction from './reduction.mjs';
import * as sorting from './sorting.mjs';
import * as tape from './tape.mjs';
import * as training from './training.mjs';
import * as transformer from './transformer.mjs';

export const groups = [
  tape,
  elementwise,
  reduction,
  sorting,
  matmul,
  linalg,
  convolution,
  transformer,
  training,
  data,
  jacobian,
  memory,
];

const all = groups.flatMap(({ cases }) => cases);

export const caseOf = (id) => all.find((one) => one.id === id);
