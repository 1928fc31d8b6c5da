/** Pictures of a recording's graph, by Graphviz: its DOT language, and SVG by way of an optional package. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { GradtapeError } from '../base/errors.js';
import type { Graph, GraphNode } from './graph.js';

/** Not a literal, so that bundlers leave the import of a package alone that need not be there. */
const vizPackage: string = '@viz-js/viz';

/** A count of bytes with its unit. */
export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`;
}

function nodeLine({ id, label, leaf, shape, dtype, bytes, at }: GraphNode): string {
  const lines = [label, `${dtype} ${shape}`, ...(bytes > 0 ? [`keeps ${showBytes(bytes)}`] : [])];
  const tooltip = at === null ? '' : `, tooltip=${quoted(at)}`;
  return `  n${id} [label=${quoted(lines.join('\n'))}, shape=${leaf ? 'ellipse' : 'box'}${tooltip}];`;
}

/** The graph in the DOT language. Dashed: no gradient flows. */
export function dotOf({ nodes, edges }: Graph): string {
  const lines = edges.map(
    ({ from, to, why }) => `  n${from} -> n${to}${why === null ? '' : ` [style=dashed, tooltip=${quoted(why)}]`};`,
  );
  return `${['digraph tape {', '  rankdir=TB;', '  node [fontname="Helvetica,Arial,sans-serif"];', ...nodes.map(nodeLine), ...lines, '}'].join('\n')}\n`;
}

/** What is used of the package. */
interface Viz {
  instance(): Promise<{ renderString(dot: string, options: { format: string }): string }>;
}

/**
 * The package: this one's, or else that of the program or of the working directory, which differ where this one is linked
 * into a project (npm link).
 */
async function loadViz(): Promise<Viz> {
  try {
    return (await import(vizPackage)) as Viz;
  } catch (error) {
    for (const from of [process.argv[1], join(process.cwd(), 'package.json')]) {
      const file = from === undefined ? null : resolvedFrom(from);
      if (file !== null) return (await import(pathToFileURL(file).href)) as Viz;
    }
    throw new GradtapeError(
      'ERR_PACKAGE',
      'toSVG: the package @viz-js/viz is not installed; npm install @viz-js/viz, or use toDot() or toHTML(), which need none',
      error,
    );
  }
}

/** The file of the package, as seen from a file; null if there is none. */
function resolvedFrom(file: string): string | null {
  try {
    return createRequire(file).resolve(vizPackage);
  } catch {
    return null;
  }
}

/** The graph as SVG. */
export async function svgOf(graph: Graph): Promise<string> {
  const viz = await (await loadViz()).instance();
  return viz.renderString(dotOf(graph), { format: 'svg' });
}
