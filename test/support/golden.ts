// What the golden files have of each op: dtypes, and of which operands gradients.
import { goldenCases, readGolden } from './files.js';

/** What the golden files have of an op. */
export interface Seen {
  readonly dtypes: Set<string>;
  /** Of the operands that a gradient is with respect to. */
  readonly gradients: Set<string>;
}
interface OpCase {
  readonly in: readonly (readonly [dtype: string, ...unknown[]])[];
  readonly r: Record<
    string,
    { readonly y: readonly (readonly [dtype: string, ...unknown[]])[]; readonly h?: readonly unknown[] }
  >;
}
interface OpsFile {
  readonly dropout: readonly { readonly dtype: string }[];
}

/** By op. */
export function seenInGolden(): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  function seenOf(op: string): Seen {
    const known = seen.get(op) ?? { dtypes: new Set(), gradients: new Set() };
    seen.set(op, known);
    return known;
  }
  const { dropout } = readGolden<OpsFile>('ops.json');
  for (const [op, cases] of goldenCases<OpCase>()) {
    for (const one of cases) {
      for (const [dtype, { y, h }] of Object.entries(one.r)) {
        if (y.length === 0) continue;
        const operands =
          one.in.length > 0 ? one.in.map(([kind]) => (kind === '*' ? dtype : kind)) : y.map(([kind]) => kind);
        const sources = operands.filter((kind) => kind.startsWith('float'));
        const { dtypes, gradients } = seenOf(op);
        for (const kind of operands) dtypes.add(kind);
        h?.forEach((g, i) => {
          if (g !== null) gradients.add(sources[i] as string);
        });
      }
    }
  }
  for (const { dtype } of dropout) {
    seenOf('nn.dropout').dtypes.add(dtype);
    seenOf('nn.dropout').gradients.add(dtype);
  }
  for (const { op, g } of readGolden<{ op: string; g: unknown[] }[]>('convolution.json')) {
    seenOf(`nn.${op}`).dtypes.add('float32');
    if (g.some((stored) => stored !== null)) seenOf(`nn.${op}`).gradients.add('float32');
  }
  return seen;
}
