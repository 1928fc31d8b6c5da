import {
  broadcastTo,
  cast,
  expandDims,
  identity,
  onesLike,
  reshape,
  squeeze,
  stopGradient,
  transpose,
  zerosLike,
} from 'gradtape';
import { casesOf, noGradient } from '../op-cases.js';

casesOf(reshape, [{ shapes: [[2, 3]], call: (x) => reshape(x, [3, -1]) }]);
casesOf(expandDims, [{ shapes: [[2, 3]], call: (x) => expandDims(x, 1) }]);
casesOf(squeeze, [{ shapes: [[2, 1, 3]], call: (x) => squeeze(x) }]);
casesOf(broadcastTo, [{ shapes: [[2, 1]], call: (x) => broadcastTo(x, [4, 2, 3]) }]);
casesOf(transpose, [{ shapes: [[2, 3, 4]], call: (x) => transpose(x, [2, 0, 1]) }]);
casesOf(cast, [{ shapes: [[2, 3]], call: (x) => cast(cast(x, 'float64'), x.dtype) }]);
casesOf(identity, [{ shapes: [[2, 3]], call: (x) => identity(x) }]);
noGradient(stopGradient, zerosLike, onesLike);
