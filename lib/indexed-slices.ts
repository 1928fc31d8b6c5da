/** IndexedSlices: a gradient that is zero but in some rows of axis 0. Data only; ops/indexing.ts gives it toTensor(). */
import type { Shape } from './shape.js';
import type { Tensor } from './tensor.js';

/** Rows `values[k]` at `indices[k]` (int32; duplicates add up) of a tensor of shape `denseShape`. */
export class IndexedSlices {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly denseShape: Shape;
  constructor(values: Tensor, indices: Tensor, denseShape: Shape) {
    this.values = values;
    this.indices = indices;
    this.denseShape = denseShape;
  }
  get shape(): Shape {
    return this.denseShape;
  }
  get dtype(): Tensor['dtype'] {
    return this.values.dtype;
  }
}
