/** Metric: the base class of all metrics, with their state; and the options that all have. */
import { argument, isA, type Kind, oneOf, options, type Read, type Spec, string } from '../../base/arguments.js';
import { GradtapeError, inTheNameOf, ShapeError, show } from '../../base/errors.js';
import { showsText } from '../../base/inspect.js';
import { checkShape, type Lengths, sameShape, showShape } from '../../base/shape.js';
import { type Tensor, uniformTensor } from '../../engine/tensor.js';
import { Variable } from '../../op/variable.js';
import { add, cast } from '../../ops/index.js';
import { below } from '../../record/stack.js';

/** Options of every metric. */
export interface MetricOptions {
  /** Stands before the names of its variables. Default: that of the class, in lower case at the front. */
  name?: string;
  /** The dtype of the result. Default 'float32'. With 'float64' operands of float32 are cast before they are used. */
  dtype?: 'float32' | 'float64';
}

export const metricSpec: {
  readonly name: Kind<string>;
  readonly dtype: Kind<'float32' | 'float64'>;
} = { name: string, dtype: oneOf(['float32', 'float64']) };

/** The options of a constructor, with `read` for its own ones. */
export function metricOptions<S extends Spec>(kind: string, spec: S, opts: unknown): Read<S & typeof metricSpec> {
  return options(kind, { ...metricSpec, ...spec }, opts) as Read<S & typeof metricSpec>;
}

/** What is added to which variable. */
export type Addition = readonly [variable: Variable, by: Tensor];

/**
 * The base class of metrics: a statistic of everything that `update` was given since the last `reset`. The state is in
 * variables that are not trainable, of float64 so that counts are exact, and is assigned pending: the next program of
 * a training loop computes it along with the step. No gradient flows through it.
 */
export abstract class Metric {
  /** Stands before the names of the variables. */
  readonly name: string;
  /** The dtype of the result. */
  readonly dtype: 'float32' | 'float64';
  readonly #kind: string;
  readonly #variables: Variable[] = [];

  /**
   * @param kind the name of the class as it is called, for errors
   * @throws ValueError ERR_OPTION
   */
  constructor(kind: string, opts?: MetricOptions) {
    argument('metrics.Metric', 'kind', string, kind);
    const { name, dtype = 'float32' } = options(kind, metricSpec, opts);
    this.#kind = kind.replace(/^metrics\./, '');
    this.name = name ?? this.#kind.replace(/^[A-Z]+(?![a-z])|^[A-Z]/, (capitals) => capitals.toLowerCase());
    this.dtype = dtype;
  }

  /**
   * The name of a method for errors, as in Mean.update.
   * @throws GradtapeError ERR_RECEIVER if `self`, what the method was called on, is no metric
   */
  protected static called(self: Metric, method: string): string {
    if (isA(self, Metric) && #kind in self) return `${self.#kind}.${method}`;
    throw new GradtapeError(
      'ERR_RECEIVER',
      `Metric.${method}: it was called on ${show(self)}, not on a metric; write metric.${method}(...)`,
    );
  }

  /** The state, to save and restore: variables that are not trainable, in the order in which they were made. */
  get variables(): Variable[] {
    Metric.called(this, 'variables');
    return [...this.#variables];
  }

  /** Its class, its name and the result so far, on a line. */
  toString(): string {
    Metric.called(this, 'toString');
    const result = this.result();
    return `${this.#kind}(name=${this.name}, result=${result.rank === 0 ? result.item() : JSON.stringify(result)})`;
  }

  /** The statistic, of `dtype`, pending. Later updates do not change it. */
  abstract result(): Tensor;

  /** Forgets everything: all variables are 0. */
  reset(): this {
    const op = Metric.called(this, 'reset');
    for (const v of this.#variables) v.replace(op, uniformTensor(0, v.dtype, v.shape));
    return this;
  }

  /** A new variable of zeros, of float64, for the state. */
  protected addVariable(name: string, shape: number | Lengths = []): Variable {
    const op = Metric.called(this, 'addVariable');
    argument(op, 'name', string, name);
    const zeros = uniformTensor(0, 'float64', checkShape(op, shape));
    const v = new Variable(zeros, { trainable: false, name: `${this.name}/${name}` });
    this.#variables.push(v);
    return v;
  }

  /**
   * Runs `compute` where no tape hears of it, and adds what it returns to variables; all shapes are checked before the
   * first is assigned.
   */
  protected accumulate(op: string, compute: () => readonly Addition[]): void {
    below(null, () => {
      const next = inTheNameOf(op, compute).map(([v, by]) => {
        if (!sameShape(v.shape, by.shape)) {
          throw new ShapeError(
            `${op}: ${v.name} has shape ${showShape(v.shape)}; what is added has ${showShape(by.shape)}`,
          );
        }
        return [v, add(v.peek(), as(by, v.dtype))] as const;
      });
      for (const [v, value] of next) v.replace(op, value);
    });
  }
}

showsText(Metric.prototype);

/** The tensor, of this dtype. */
export function as(t: Tensor, dtype: Tensor['dtype']): Tensor {
  return t.dtype === dtype ? t : cast(t, dtype);
}
