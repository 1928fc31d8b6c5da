// Which calls of an op are checked: its gradients, its batch rules. Each op that is no elementwise kernel has its cases in a
// file of cases/, which is found by being there.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { type OpInfo, registry } from '../../lib/op/registry.js';
import { namespaces, root } from '../support/files.js';

export interface SampleCase {
  /** Of the operands, which are float64. */
  readonly shapes: readonly (readonly number[])[];
  readonly call: (...xs: tf.Tensor[]) => tf.Tensor;
}

export type Interval = readonly [number, number];

/** How operands are sampled. */
export interface Sampling {
  readonly domain?: Interval | readonly Interval[];
  readonly avoid?: readonly number[];
  /** Its gradient jumps, or is steep, where operands are equal or zero; random programs do not compare it with differences. */
  readonly kinks?: boolean;
  /** It is an error for some values of its operands; random programs leave it out. */
  readonly throws?: boolean;
}

export interface OpCases extends Sampling {
  readonly cases: readonly SampleCase[];
}

// biome-ignore lint/complexity/noBannedTypes: ops differ in their arguments
const table = new Map<Function, OpCases | null>();

// biome-ignore lint/complexity/noBannedTypes: as above
export function casesOf(op: Function, cases: readonly SampleCase[], sampling: Sampling = {}): void {
  table.set(op, { cases, ...sampling });
}

// biome-ignore lint/complexity/noBannedTypes: as above
export function noGradient(...ops: Function[]): void {
  for (const op of ops) table.set(op, null);
}

// biome-ignore lint/complexity/noBannedTypes: as above
const kinked = new Set<Function>();

/** Says that these ops have kinks: ties of extremes, or elements that are all 0. */
// biome-ignore lint/complexity/noBannedTypes: as above
export function withKinks(...ops: Function[]): void {
  for (const op of ops) kinked.add(op);
}

/** Calls, of a matrix of two rows, of ops without a gradient: for random programs, which cannot guess their arguments. */
// biome-ignore lint/complexity/noBannedTypes: as above
export const calls: Map<Function, SampleCase['call']> = new Map();

// biome-ignore lint/complexity/noBannedTypes: as above
export function withoutGradient(op: Function, call: SampleCase['call']): void {
  noGradient(op);
  calls.set(op, call);
}

for (const file of readdirSync(join(import.meta.dirname, 'cases')))
  await import(join(import.meta.dirname, 'cases', file));

const unaryShapes = [[[2, 3]], [[]], [[0, 2]]];
const binaryShapes = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [2, 1],
    [1, 3],
  ],
  [[], [2, 3]],
  [[2, 3], []],
  [[0, 3], [3]],
];

function elementwise(info: OpInfo): OpCases {
  const call = info.fn as (...xs: tf.Tensor[]) => tf.Tensor;
  const shapes = info.arity === 1 ? unaryShapes : binaryShapes;
  const { domain, avoid } = info;
  return { cases: shapes.map((s) => ({ shapes: s, call })), ...(domain && { domain }), ...(avoid && { avoid }) };
}

/** Public functions that make tensors of no tensor, or answer a question about one: there is nothing to differentiate. */
const creation = new Set(Object.keys(await import('../../lib/ops/creation.js')));

// Random ops have tests of their own.
const modules = new Map<string, object>();
for (const namespace of namespaces.filter((name) => name !== 'random'))
  modules.set(namespace, (await import(join(root, 'lib', 'ops', namespace, 'index.ts'))) as object);

/** Every public op by its name, namespaces and all; null: it has no gradient, undefined: nobody says. */
export const opCases: ReadonlyMap<string, OpCases | null | undefined> = new Map(
  [...modules].flatMap(([namespace, exported]) =>
    Object.entries(exported).flatMap(([name, op]) => {
      if (typeof op !== 'function' || (namespace === '' && creation.has(name))) return [];
      const info = registry.get(name);
      const known = table.get(op);
      const own =
        known !== undefined || !info || info.fn !== op ? known : info.differentiable ? elementwise(info) : null;
      const cases = own && kinked.has(op) ? { ...own, kinks: true } : own;
      return [[namespace === '' ? name : `${namespace}.${name}`, cases] as const];
    }),
  ),
);

/** Elementwise ops that users do not call: the pullbacks of others. */
export const hiddenCases: ReadonlyMap<string, OpCases> = new Map(
  [...registry.values()]
    .filter((info) => info.differentiable && !opCases.has(info.name) && !opCases.has(`nn.${info.name}`))
    .map((info) => [info.name, elementwise(info)]),
);

/** The interval of an operand in which an op's gradient is checked. */
export function domainOf(op: OpCases, operand: number): Interval {
  const domain = op.domain ?? [-2, 2];
  if (typeof domain[0] === 'number') return domain as Interval;
  return (domain as readonly Interval[])[operand] ?? [-2, 2];
}

const clearance = 0.02; // far more than the step of central differences

/** Operand k of a call, float64: numbers of its domain, away from kinks. */
export function sample(op: OpCases, shape: readonly number[], k: number, next: () => number): tf.Tensor {
  const [low, high] = domainOf(op, k);
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: size }, () => {
    for (;;) {
      const x = low + (high - low) * next();
      if ((op.avoid ?? []).every((kink) => Math.abs(x - kink) > clearance)) return x;
    }
  });
  return tf.constant(values, { shape });
}
