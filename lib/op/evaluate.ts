/** `evaluate` and `evaluateAsync`: computing values when the user says so, not when somebody looks. */
import { mapNested } from '../base/nested.js';
import { hasSignal, signalIn } from '../base/signal.js';
import { evaluateTensors, evaluateTensorsAsync } from '../engine/evaluate.js';
import { isTensor, type Tensor } from '../engine/tensor.js';
import { asTensor } from './operands.js';
import { isVariable } from './variable.js';

function tensorsIn(fn: string, values: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  for (const value of values) {
    if (!isTensor(value)) return tensorsWithin(fn, values);
    tensors.push(value);
  }
  return tensors;
}

function tensorsWithin(fn: string, values: readonly unknown[]): Tensor[] {
  const tensors: Tensor[] = [];
  mapNested(fn, values, (value, path) => {
    // No tensor is kept, so the next values of slots may still be written over these.
    if (isVariable(value)) tensors.push(value.borrow());
    else if (value !== null && value !== undefined)
      tensors.push(asTensor(fn, value as never, undefined, `values${path}`));
  });
  return tensors;
}

/**
 * Computes tensors and variables, also nested in arrays and plain objects, by one program.
 * @throws GradtapeError ERR_NOT_A_TENSOR; what the ops of these values throw when they are computed
 */
export function evaluate(...values: readonly unknown[]): void {
  evaluateTensors(tensorsIn('evaluate', values));
}

const nothing = (): void => {};

/**
 * As `evaluate`, on another thread while the event loop goes on. The last value may be options instead: `{ signal }` with an
 * AbortSignal.
 * @throws also the signal's reason, once it is aborted
 */
export async function evaluateAsync(...values: readonly unknown[]): Promise<void> {
  const given = values.at(-1);
  if (!hasSignal(given)) return evaluateTensorsAsync(tensorsIn('evaluateAsync', values), nothing);
  const signal = signalIn('evaluateAsync', given);
  return evaluateTensorsAsync(tensorsIn('evaluateAsync', values.slice(0, -1)), nothing, signal);
}
