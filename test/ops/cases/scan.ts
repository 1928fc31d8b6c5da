import { cumprod, cumsum, cumulativeLogsumexp } from 'gradtape';
import { casesOf } from '../op-cases.js';

for (const scan of [cumsum, cumprod, cumulativeLogsumexp]) {
  casesOf(scan, [
    { shapes: [[4]], call: (x) => scan(x) },
    { shapes: [[2, 3, 2]], call: (x) => scan(x, 1) },
    { shapes: [[2, 3]], call: (x) => scan(x, -1, { reverse: true }) },
    // Of no elements the logarithm is -inf, which central differences cannot have.
    ...(scan === cumulativeLogsumexp
      ? []
      : [
          { shapes: [[2, 3, 2]], call: (x) => scan(x, 1, { exclusive: true }) },
          { shapes: [[3, 2]], call: (x) => scan(x, { exclusive: true, reverse: true }) },
        ]),
  ]);
}
