// Recording and differentiating a function in one call.
import * as tf from 'gradtape';

type Fn = (...xs: tf.Tensor[]) => tf.Tensor;
export type Grad = tf.Tensor | tf.IndexedSlices | null;

/** The gradient as a dense tensor; a failure if there is none. */
export function dense(g: Grad | undefined): tf.Tensor {
  if (g === null || g === undefined) throw new Error('expected a gradient, got null');
  return g instanceof tf.IndexedSlices ? g.toTensor() : g;
}

export function arrayOf(g: Grad | undefined): unknown {
  return dense(g).arraySync();
}

export interface Options {
  dy?: tf.TensorLike;
  unconnected?: 'none' | 'zero';
}

/** A tape that watches x, and what the function made on it. */
export function tapeOf<T>(x: tf.Tensor | readonly tf.Tensor[], f: (tape: tf.GradientTape) => T): [tf.GradientTape, T] {
  const tape = new tf.GradientTape();
  const y = tape.record(() => {
    tape.watch(x as tf.Tensor);
    return f(tape);
  });
  return [tape, y];
}

/** The gradients of f at the values, each watched. */
export function gradientsOf(f: Fn, xs: readonly tf.TensorLike[], opts: Options = {}): Grad[] {
  const tensors = xs.map((x) => tf.convertToTensor(x));
  const [tape, y] = tapeOf(tensors, () => f(...tensors));
  return tape.gradient(y, tensors, {
    ...(opts.dy === undefined ? {} : { outputGradients: opts.dy }),
    ...(opts.unconnected ? { unconnectedGradients: opts.unconnected } : {}),
  }) as Grad[];
}

/** The gradient of f at one value, as numbers. */
export function gradientOf(f: (x: tf.Tensor) => tf.Tensor, x: tf.TensorLike, opts: Options = {}): unknown {
  return arrayOf(gradientsOf(f as Fn, [x], opts)[0]);
}

/** The derivative as a function, so that derivatives of it can be taken. */
export function derivative(f: (x: tf.Tensor) => tf.Tensor): (x: tf.Tensor) => tf.Tensor {
  return (x) => {
    const [tape, y] = tapeOf(x, () => f(x));
    return dense(tape.gradient(y, x));
  };
}
