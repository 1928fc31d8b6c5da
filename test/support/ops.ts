// The ops that random programs draw from: all of the registry, by family, so that a new one is among them without an edit here.
import * as tf from 'gradtape';
import { sizeOf } from '../../lib/base/shape.js';
import { type OpInfo, registry } from '../../lib/op/op.js';

export type Call = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;

export interface Drawn {
  readonly name: string;
  readonly info: OpInfo;
  /** Takes both operands elementwise, so that their shapes must broadcast; else any two shapes will do. */
  readonly broadcasts: boolean;
  /** The result has the dtype of the operands, which are floating. */
  readonly call: Call;
}

/** The elements of x in this shape: the first ones, and again from the first where there are too few. */
export function fitted(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const size = sizeOf(shape);
  if (x.rank === shape.length && x.shape.every((n, d) => n === shape[d])) return x;
  const flat = tf.reshape(x, [-1]);
  const enough = x.size < size ? tf.tile(flat, [Math.ceil(size / x.size)]) : flat;
  return tf.reshape(enough.size === size ? enough : tf.slice(enough, [0], [size]), shape);
}

type Loose = (...args: unknown[]) => unknown;

// What an op may want instead of floating operands, and beside them.
const operands: readonly ((x: tf.Tensor) => tf.Tensor)[] = [
  (x) => x,
  (x) => tf.greater(x, 0),
  (x) => tf.cast(x, 'int32'),
];
const others: readonly unknown[][] = [[], [3]];

function takes(fn: Loose, ...args: unknown[]): boolean {
  try {
    return fn(...args) instanceof tf.Tensor;
  } catch {
    return false;
  }
}

function formsOf(info: OpInfo): readonly Omit<Drawn, 'name' | 'info'>[] {
  const fn = info.fn as Loose;
  const example = tf.tanh([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const forms: Omit<Drawn, 'name' | 'info'>[] = (info.cases ?? []).map(({ shapes, call }) => ({
    broadcasts: false,
    call: (x, y) => {
      if (x.size * y.size === 0) return x;
      return tf.cast(call(...shapes.map((shape, i) => fitted(i % 2 ? y : x, shape))), x.dtype);
    },
  }));
  if (info.arity !== undefined) {
    const as = operands.find((to) => takes(fn, ...new Array(info.arity).fill(to(example))));
    if (as && info.arity === 1)
      forms.push({ broadcasts: false, call: (x) => tf.cast(fn(as(x)) as tf.Tensor, x.dtype) });
    if (as && info.arity === 2) {
      forms.push({ broadcasts: true, call: (x, y) => tf.cast(fn(as(x), as(y)) as tf.Tensor, x.dtype) });
    }
  } else if (!info.cases) {
    const as = operands.flatMap((to) => others.map((rest) => (x: tf.Tensor) => [to(x), ...rest]));
    const right = as.find((args) => takes(fn, ...args(example)));
    if (right) {
      const call: Call = (x) => (x.size ? tf.cast(fn(...right(fitted(x, [2, 3]))) as tf.Tensor, x.dtype) : x);
      forms.push({ broadcasts: false, call });
    }
  }
  return forms;
}

const found = [...registry].map(([name, info]) => ({ name, info, forms: formsOf(info) }));

/** The ops for which no call was found; a test says that there are none. */
export const undrawn: readonly string[] = found.filter(({ forms }) => forms.length === 0).map(({ name }) => name);

export const drawn: readonly Drawn[] = found.flatMap(({ name, info, forms }) =>
  forms.map((form, i) => ({ ...form, info, name: forms.length > 1 ? `${name} ${i}` : name })),
);

/** Whether the shapes broadcast. */
export function fits(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 1; i <= Math.min(a.length, b.length); i++) {
    const [p, q] = [a[a.length - i] as number, b[b.length - i] as number];
    if (p !== q && p !== 1 && q !== 1) return false;
  }
  return true;
}

/** Maps all numbers into the interval of the operand in which the op is differentiable, smoothly. */
export function intoDomain(info: OpInfo, operand: number, x: tf.Tensor): tf.Tensor {
  const domain = (info.domain ?? [-2, 2]) as readonly (number | readonly [number, number])[];
  const [low, high] = (typeof domain[0] === 'number' ? domain : (domain[operand] ?? [-2, 2])) as readonly [
    number,
    number,
  ];
  return tf.add(tf.mul(tf.sigmoid(x), high - low), low);
}
