/** `evaluate` and `evaluateAsync`: computing values when the user says so, not when somebody looks. */
import { mapNested } from '../base/nested.js';
import { evaluateTensors, evaluateTensorsAsync } from '../engine/evaluate.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensor } from './operands.js';
import { isVariable } from './variable.js';

function tensorsIn(values: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  for (const value of values) {
    if (!isTensor(value)) return tensorsWithin(values);
    tensors.push(value);
  }
  return tensors;
}

function tensorsWithin(values: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  mapNested('evaluate', values, (value, path) => {
    // No tensor is kept, so the next values of slots may still be written over these.
    if (isVariable(value)) tensors.push(value.borrow());
    else if (value !== null && value !== undefined)
      tensors.push(asTensor('evaluate', value as never, undefined, `values${path}`));
  });
  return tensors;
}

/**
 * Computes tensors and variables, also nested in arrays and plain objects, by one program.
 * @throws GradtapeError ERR_NOT_A_TENSOR; what the ops of these values throw when they are computed
 */
export function evaluate(...values: readonly unknown[]): void {
  evaluateTensors(tensorsIn(values));
}

/** As `evaluate`, on another thread while the event loop goes on. */
export async function evaluateAsync(...values: readonly unknown[]): Promise<void> {
  await evaluateTensorsAsync(tensorsIn(values));
}
