import { clipByGlobalNorm, clipByNorm, clipByValue } from 'gradtape';
import { casesOf } from '../op-cases.js';

casesOf(clipByValue, [{ shapes: [[2, 3]], call: (x) => clipByValue(x, -1.1, 0.9) }], { avoid: [-1.1, 0.9] });
casesOf(
  clipByNorm,
  [
    { shapes: [[2, 3]], call: (x) => clipByNorm(x, 0.7) },
    { shapes: [[2, 3]], call: (x) => clipByNorm(x, 1000) },
    { shapes: [[2, 3], []], call: (x, most) => clipByNorm(x, most, { axes: [1] }) },
  ],
  { kinks: true },
);
casesOf(
  clipByGlobalNorm,
  [
    { shapes: [[2, 3], [2]], call: (x, y) => clipByGlobalNorm([x, null, y], 0.7).clipped[0] },
    { shapes: [[2, 3], [2]], call: (x, y) => clipByGlobalNorm({ x, y }, 1000).clipped.y },
    { shapes: [[2, 3], []], call: (x, norm) => clipByGlobalNorm([x], 0.7, { useNorm: norm }).clipped[0] },
  ],
  { kinks: true },
);
