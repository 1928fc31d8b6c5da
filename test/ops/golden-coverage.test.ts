// Every public op stands beside TensorFlow's numbers (golden/ops.json, golden/families, golden/convolution.json), with its gradients and in each
// dtype that its kernel computes in. The numbers themselves are compared elsewhere: here only that they are there.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { elementwiseKernels } from '../../lib/engine/addon.js';
import { namespaces, root } from '../support/files.js';
import { seenInGolden } from '../support/golden.js';
import { opCases } from './op-cases.js';

// ---- the public ops: the functions that an index.ts of lib/ops exports, a folder's by the name of the folder ----

const publicOps = new Set<string>();
for (const namespace of namespaces) {
  const exported = (await import(join(root, 'lib', 'ops', namespace, 'index.ts'))) as Record<string, unknown>;
  for (const [name, op] of Object.entries(exported))
    if (typeof op === 'function') publicOps.add(namespace === '' ? name : `${namespace}.${name}`);
}

const seen = seenInGolden();

/** Ops with nothing of TensorFlow's to stand beside, and why. */
const stream =
  'its numbers are those of a stream of its own (docs/differences.md, "Random numbers"); random.test.ts tests it';
const state = "the state of gradtape's own stream, which TensorFlow has not";
const withoutCounterpart: Readonly<Record<string, string>> = {
  'random.uniform': stream,
  'random.normal': stream,
  'random.truncatedNormal': stream,
  'random.shuffle': stream,
  'random.categorical': stream,
  'random.setSeed': state,
  'random.getState': state,
  'random.setState': state,
};

describe('golden files', () => {
  it('have cases of every public op', () => {
    expect(publicOps.size).toBeGreaterThan(125);
    for (const name of opCases.keys())
      expect(publicOps.has(name), `${name} is an op that no index.ts exports`).toBe(true);
    expect([...publicOps].filter((op) => !seen.has(op) && !(op in withoutCounterpart))).toEqual([]);
  });

  it('have no cases of what is no public op', () => {
    expect([...seen.keys()].filter((op) => !publicOps.has(op))).toEqual([]);
  });

  it('have no cases of ops that are said to have no counterpart', () => {
    const needless = Object.keys(withoutCounterpart).filter((op) => seen.has(op) || !publicOps.has(op));
    expect(needless).toEqual([]);
  });

  it('have gradients of every differentiable op, in float32 and float64', () => {
    const differentiable = [...opCases].flatMap(([op, cases]) => (cases && seen.has(op) ? [op] : []));
    expect(differentiable.length).toBeGreaterThan(80);
    const lacking = differentiable.flatMap((op) =>
      ['float32', 'float64'].filter((dtype) => !seen.get(op)?.gradients.has(dtype)).map((dtype) => `${op} ${dtype}`),
    );
    expect(lacking).toEqual([]);
  });

  it('have every dtype that the kernel of an elementwise op computes in', () => {
    const lacking = [...seen].flatMap(([op, { dtypes }]) => {
      const kernel = elementwiseKernels.get(op.replace(/^nn\./, ''));
      return (kernel?.dtypes ?? []).filter((dtype) => !dtypes.has(dtype)).map((dtype) => `${op} ${dtype}`);
    });
    expect(lacking).toEqual([]);
  });
});
