/** The options of a tape and of `gradient`. */
import { boolean, type Kind } from '../base/arguments.js';
import type { Nested } from '../base/nested.js';
import { type Signal, signalKind } from '../base/signal.js';
import type { TensorLike } from '../op/variable.js';
import { type UnconnectedGradients, unconnectedKind } from './leaves.js';

/** The options of `new GradientTape(...)`. */
export interface GradientTapeOptions {
  /**
   * Whether `gradient` may be called more than once; the tape then keeps everything until it is disposed of. Default
   * false.
   */
  persistent?: boolean;
  /** Whether trainable variables are watched when they are read. Default true. */
  watchAccessedVariables?: boolean;
  /** What `gradient` gives for sources without a path to a target, where its call does not say. Default 'none'. */
  unconnectedGradients?: UnconnectedGradients;
}

/** The options of `gradient` of a tape. */
export interface GradientOptions {
  /** Cotangents of the targets, with their structure, shapes and dtypes; null means ones. Default: ones. */
  outputGradients?: Nested<TensorLike | null>;
  /**
   * What a source without a path to a target gets: 'none' null, 'zero' zeros, 'throw' an error. Default: what the tape
   * was made with.
   */
  unconnectedGradients?: UnconnectedGradients;
  /** An AbortSignal: `gradient` throws its reason, before or between two ops, once it is aborted. */
  signal?: Signal;
}

/** Options with which every source gets a gradient. */
export type Connected = GradientOptions & { unconnectedGradients: 'zero' | 'throw' };
/** Options that leave unconnected gradients to the tape. */
export type Unsaid = GradientOptions & { unconnectedGradients?: undefined };

export const tapeOptions: {
  readonly persistent: Kind<boolean>;
  readonly watchAccessedVariables: Kind<boolean>;
  readonly unconnectedGradients: Kind<UnconnectedGradients>;
} = {
  persistent: boolean,
  watchAccessedVariables: boolean,
  unconnectedGradients: unconnectedKind,
};
export const gradientOptions: {
  readonly unconnectedGradients: Kind<UnconnectedGradients>;
  readonly signal: typeof signalKind;
  readonly outputGradients: Kind<unknown>;
} = {
  unconnectedGradients: unconnectedKind,
  signal: signalKind,
  outputGradients: { expected: 'cotangents', read: (value) => value },
};
