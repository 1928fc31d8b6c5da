/** InspectedTape: what a tape shows of its recording: explanations, pictures, profiles. inspect/ computes them. */
import { isA, refuseExtra } from '../base/arguments.js';
import { GradtapeError, show, ValueError } from '../base/errors.js';
import type { Nested } from '../base/nested.js';
import {
  dotOf,
  type Explanation,
  explain,
  explainConsumed,
  type Graph,
  graphOf,
  type Inquiry,
  type Profile,
  pageOf,
  profileOfTape,
  svgOf,
} from '../inspect/index.js';
import type { Leaf, Sources } from '../op/sources.js';
import { flatten, isLeaf } from './leaves.js';

/** What there is to look at; or by what the tape was consumed, if nothing is left of it. */
export type Inspected = Inquiry | { readonly consumedBy: 'gradient' | 'dispose' };

/** The base class of GradientTape. */
export abstract class InspectedTape {
  /**
   * What a method looks at. `values`: whether names and links of a consumed tape will not do. Only `explain` gets
   * `consumedBy`.
   * @throws TapeError if there is nothing
   * @internal
   */
  protected abstract inspected(method: string, values?: boolean): Inspected;

  /**
   * Why the gradient of the target (of the sum of all targets, in a nest) with respect to the source is null, or that it is not.
   * The tape is not consumed, and may have been: then there is an answer if config.explain or config.trackOrigin was on.
   * @throws TapeError ERR_TAPE_EMPTY; GradtapeError ERR_NOT_A_TENSOR
   */
  explain(target: Nested<Leaf>, source: Leaf): Explanation;
  explain<const T>(target: T & NoInfer<Sources<T>>, source: Leaf): Explanation;
  explain(target: unknown, source: Leaf): Explanation {
    checkReceiver(this, 'explain');
    if (arguments.length > 2) refuseExtra('explain', arguments[2], undefined);
    const targets = flatten('explain', 'target', target);
    if (!isLeaf(source)) {
      throw new GradtapeError(
        'ERR_NOT_A_TENSOR',
        `explain: the source must be one Tensor or Variable, got ${show(source)}`,
      );
    }
    const found = this.inspected('explain');
    return 'consumedBy' in found ? explainConsumed(found.consumedBy) : explain(found, targets, source);
  }

  /** The recording as a graph in the DOT language of Graphviz. A consumed tape has one if config.explain was on. */
  toDot(): string {
    checkReceiver(this, 'toDot');
    return dotOf(this.#graph('toDot', arguments));
  }

  /**
   * The same graph as SVG, drawn by the package @viz-js/viz, which has to be installed.
   * @throws GradtapeError ERR_PACKAGE if it is not
   */
  async toSVG(): Promise<string> {
    checkReceiver(this, 'toSVG');
    return svgOf(this.#graph('toSVG', arguments));
  }

  /** One self-contained HTML page of the recording: search, zoom, paths of gradients and why there is none. */
  toHTML(): string {
    checkReceiver(this, 'toHTML');
    return pageOf(this.#graph('toHTML', arguments));
  }

  /**
   * Where the time of the recording goes: computes what is pending of it, and one backward pass on the side, piece by piece.
   * What was computed before has no forward time; `profile(fn)` measures all that fn does. Of a consumed tape there is
   * none.
   * @throws TapeError ERR_TAPE_CONSUMED, ERR_TAPE_EMPTY
   */
  profile(): Profile<undefined> {
    checkReceiver(this, 'profile');
    if (arguments.length > 0) refuseExtra('profile', arguments[0], undefined);
    return profileOfTape((this.inspected('profile', true) as Inquiry).tape);
  }

  #graph(method: string, given: IArguments): Graph {
    if (given.length > 0) refuseExtra(method, given[0], undefined);
    const { tape, live } = this.inspected(method) as Inquiry;
    return graphOf(tape, live);
  }
}

/** @throws ValueError ERR_RECEIVER for a method called on anything but a tape */
export function checkReceiver(tape: unknown, method: string): void {
  if (isA(tape, InspectedTape)) return;
  throw new ValueError(
    `${method}: must be called on a GradientTape, as tape.${method}(...), got ${show(tape)}`,
    'ERR_RECEIVER',
  );
}
