import { cumprod, cumsum, cumulativeLogsumexp, type Tensor } from 'gradtape';
import { casesOf } from '../op-cases.js';

for (const scan of [cumsum, cumprod, cumulativeLogsumexp]) {
  // Of no elements the logarithm is -inf, which central differences cannot have.
  const exclusive = scan !== cumulativeLogsumexp;
  casesOf(scan, [
    { shapes: [[4]], call: (x: Tensor) => scan(x) },
    { shapes: [[2, 3, 2]], call: (x: Tensor) => scan(x, 1, { exclusive }) },
    { shapes: [[2, 3]], call: (x: Tensor) => scan(x, -1, { reverse: true }) },
    { shapes: [[3, 2]], call: (x: Tensor) => scan(x, { exclusive, reverse: true }) },
  ]);
}
