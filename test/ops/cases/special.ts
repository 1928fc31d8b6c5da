import { polygamma } from 'gradtape';
import { casesOf } from '../op-cases.js';

// Its first operand is an order, with respect to which there is no gradient.
casesOf(
  polygamma,
  [1, 2].map((a) => ({ shapes: [[2, 3]], call: (x) => polygamma(a, x) })),
  { domain: [0.6, 4] },
);
