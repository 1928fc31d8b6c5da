/** `summary`: a table of a model's variables. */
import { refuseExtra } from '../base/arguments.js';
import { dtypeBytes } from '../base/dtype.js';
import { showShape } from '../base/shape.js';
import { showBytes } from '../inspect/picture.js';
import { tableOf } from '../inspect/table.js';
import { variablesWithin } from './trainable-variables.js';

/**
 * A table of the variables in `x`, found as `trainableVariables` finds them: name, shape, dtype, number of elements
 * and bytes of each, and the totals in the last line.
 * @throws GradtapeError ERR_NOT_A_TENSOR for variables of another copy of the library
 */
export function summary(x: unknown): string {
  if (arguments.length > 1) refuseExtra('summary', arguments[1], undefined);
  let count = 0;
  let bytes = 0;
  const rows = variablesWithin(x).map(({ name, shape, dtype, size }) => {
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
