// The ops that random programs draw from: every public op and the pullbacks that are kernels, with the calls of test/ops/cases, so that
// a new op is among them without an edit here.
import * as tf from 'gradtape';
import { sizeOf } from '../../lib/base/shape.js';
import { registry } from '../../lib/op/registry.js';
import { calls as callsOf, domainOf, hiddenCases, type OpCases, opCases } from '../ops/op-cases.js';

export type Call = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;

export interface Drawn {
  readonly name: string;
  /** `binary`: elementwise, so that the shapes must broadcast. `fitted`: of operands of any two shapes. */
  readonly kind: 'unary' | 'binary' | 'fitted';
  /** The result has the dtype of the operands, which are floating. */
  readonly call: Call;
  /** How its gradient is checked; null: it has none, or this call is none of those. */
  readonly checked: OpCases | null;
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
const example = tf.tanh([
  [1, 2, 3],
  [4, 5, 6],
]);

function takes(fn: Loose, ...args: unknown[]): boolean {
  try {
    return fn(...args) instanceof tf.Tensor;
  } catch {
    return false;
  }
}

type Form = Omit<Drawn, 'name'>;

/** The kernels of a family, of any operands. */
function elementwise(fn: Loose, arity: 1 | 2, checked: OpCases | null): readonly Form[] {
  const as = operands.find((to) => takes(fn, ...new Array(arity).fill(to(example))));
  if (!as) return [];
  const call: Call =
    arity === 1
      ? (x) => tf.cast(fn(as(x)) as tf.Tensor, x.dtype)
      : (x, y) => tf.cast(fn(as(x), as(y)) as tf.Tensor, x.dtype);
  return [{ kind: arity === 1 ? 'unary' : 'binary', call, checked }];
}

/** The calls by which gradients are checked. */
function calls(op: OpCases): readonly Form[] {
  return op.cases.map(({ shapes, call }) => ({
    kind: 'fitted',
    checked: op,
    call: (x, y) => {
      if (x.size * y.size === 0) return x;
      const result = call(...shapes.map((shape, i) => fitted(i % 2 ? y : x, shape)));
      return result.size ? tf.cast(result, x.dtype) : x; // empty ones have no mean, and nothing to gather
    },
  }));
}

/** An op without a gradient, of one matrix of the first dtype that it takes, and a number if it wants one. */
function probed(fn: Loose): readonly Form[] {
  const given = callsOf.get(fn);
  if (given) {
    const ofMatrix: Call = (x) => (x.size ? tf.cast(given(fitted(x, [2, 3])), x.dtype) : x);
    return [{ kind: 'fitted', checked: null, call: ofMatrix }];
  }
  const lists = operands.flatMap((to) => others.map((rest) => (x: tf.Tensor) => [to(x), ...rest]));
  const right = lists.find((args) => takes(fn, ...args(example)));
  if (!right) return [];
  const call: Call = (x) => (x.size ? tf.cast(fn(...right(fitted(x, [2, 3]))) as tf.Tensor, x.dtype) : x);
  return [{ kind: 'fitted', checked: null, call }];
}

function formsOf(name: string, op: OpCases | null | undefined): readonly Form[] {
  const path = name.split('.');
  const found = path.reduce((at: unknown, key) => (at as Record<string, unknown> | undefined)?.[key], tf) as Loose;
  const info = registry.get(path[path.length - 1] as string);
  const fn = found ?? (info?.fn as Loose);
  if (!info || info.fn !== fn) return op ? calls(op) : probed(fn);
  // Of those with cases of their own the gradients are checked by these.
  const own = op !== null && op !== undefined && !op.cases.some(({ call }) => call === fn);
  return own ? [...calls(op), ...elementwise(fn, info.arity, null)] : elementwise(fn, info.arity, op ?? null);
}

const found = [...opCases, ...hiddenCases].map(([name, op]) => ({ name, forms: formsOf(name, op) }));

/** The ops for which no call was found; a test says that there are none. */
export const undrawn: readonly string[] = found.filter(({ forms }) => forms.length === 0).map(({ name }) => name);

export const drawn: readonly Drawn[] = found.flatMap(({ name, forms }) =>
  forms
    .filter(({ checked }) => !checked?.throws)
    .map((form, i) => ({ ...form, name: forms.length > 1 ? `${name} ${i}` : name })),
);

/** Whether the shapes broadcast. */
export function fits(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 1; i <= Math.min(a.length, b.length); i++) {
    const [p, q] = [a[a.length - i] as number, b[b.length - i] as number];
    if (p !== q && p !== 1 && q !== 1) return false;
  }
  return true;
}

/** Maps all numbers into that interval, smoothly. */
export function intoDomain(op: OpCases, operand: number, x: tf.Tensor): tf.Tensor {
  const [low, high] = domainOf(op, operand);
  return tf.add(tf.mul(tf.sigmoid(x), high - low), low);
}
