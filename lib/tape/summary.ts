/** `summary`: a table of a model's variables. */
import { refuseExtra } from '../base/arguments.js';
import { dtypeBytes } from '../base/dtype.js';
import { GradtapeError, show } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { showBytes, tableOf } from '../inspect/index.js';
import { variablesWithin } from './trainable-variables.js';

/**
 * A table of the variables in `x`, found as `trainableVariables` finds them: name, shape, dtype, number of elements
 * and bytes of each, and the totals in the last line.
 * @throws GradtapeError ERR_NOT_A_TENSOR for what can contain none (a number, text, null), and for variables of another
 *   copy of the library
 */
export function summary(x: unknown): string {
  if (arguments.length > 1) refuseExtra('summary', arguments[1], undefined);
  if ((typeof x !== 'object' && typeof x !== 'function') || x === null) {
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `summary: expected an object, array, Map or Set with variables, got ${show(x)}`,
    );
  }
  let count = 0;
  let bytes = 0;
  const rows = variablesWithin('summary', x).map(({ name, shape, dtype, size }) => {
    const own = size * dtypeBytes[dtype];
    count += size;
    bytes += own;
    return [name, showShape(shape), dtype, String(size), showBytes(own)];
  });
  return tableOf(
    ['name', 'shape', 'dtype', 'count', 'bytes'],
    [...rows, [`total: ${rows.length}`, '', '', String(count), showBytes(bytes)]],
    3,
  );
}
