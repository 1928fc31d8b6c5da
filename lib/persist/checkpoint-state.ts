/**
 * What a checkpoint has: the variables in its parts and those of optimizers, each with the name that files have for it.
 *
 * A variable's name is that of its part and the keys on the first way to it, with dots between: `model.layers.0.kernel`. A slot
 * of an optimizer is named by the optimizer, the variable that it belongs to, and its kind: `optimizer.model.layers.0.kernel.momentum`.
 * So names hold from one process to the next, as the default names of variables and the order of training do not.
 */
import { isA } from '../base/arguments.js';
import { isFloating } from '../base/dtype.js';
import { GradtapeError, show } from '../base/errors.js';
import { isVariable, type Variable } from '../op/variable.js';
import { namedWithin } from '../tape/trainable-variables.js';
import { Optimizer } from '../train/optimizer.js';
import { putNamed, quote } from './keys.js';

/** Variables by their names in a file. */
export interface State {
  readonly variables: ReadonlyMap<string, Variable>;
  /** What kind the optimizers are (`Optimizer.kind`), by their names. */
  readonly optimizers: ReadonlyMap<string, string>;
  /** Makes optimizers have slots for the variables that had some when the file was saved, and for no others. */
  readonly keep: () => void;
}

/** The parts of a checkpoint, by name. */
export type Parts = ReadonlyMap<string, unknown>;

const isOptimizer = (value: object): value is Optimizer => isA(value, Optimizer);

/** @throws GradtapeError ERR_NOT_A_TENSOR for a part that holds nothing to be saved */
function checkParts(fn: string, parts: Parts): void {
  for (const [name, part] of parts) {
    if (namedWithin(fn, part, isOptimizer).length > 0) continue;
    throw new GradtapeError(
      'ERR_NOT_A_TENSOR',
      `${fn}: ${quote(name)} is ${show(part)}, which holds no variable and no optimizer`,
    );
  }
}

/**
 * The variables of the parts as they are now. `has`: whether a file has a name; then optimizers have slots too for variables
 * that they did not train yet, where the file has some.
 * @throws GradtapeError ERR_NOT_A_TENSOR for a part that holds nothing to be saved; ValueError for two variables of one name
 */
export function stateOf(fn: string, parts: Parts, has?: (name: string) => boolean): State {
  checkParts(fn, parts);
  const variables = new Map<string, Variable>();
  const names = new Map<Variable, string>();
  const optimizers: (readonly [name: string, optimizer: Optimizer])[] = [];
  const put = (name: string, variable: Variable): void => {
    putNamed(fn, 'variables', variables, name, variable);
    if (!names.has(variable)) names.set(variable, name);
  };
  for (const [name, value] of namedWithin(fn, parts, isOptimizer)) {
    if (isVariable(value)) put(name, value);
    else optimizers.push([name, value]);
  }
  const keeps: (() => void)[] = [];
  for (const [name, optimizer] of optimizers) {
    const [iterations] = optimizer.variables as [Variable];
    const { learningRate } = optimizer;
    put(`${name}.iterations`, iterations);
    if (isVariable(learningRate) && !names.has(learningRate)) put(`${name}.learningRate`, learningRate);
    const { slots, keep } = slotsOf(fn, name, optimizer, names, has);
    for (const [slotName, slot] of slots) put(slotName, slot);
    keeps.push(keep);
  }
  return {
    variables,
    optimizers: new Map(optimizers.map(([name, optimizer]) => [name, optimizer.kind])),
    keep: () => {
      for (const keep of keeps) keep();
    },
  };
}

/** The slots of an optimizer by name. */
function slotsOf(
  fn: string,
  name: string,
  optimizer: Optimizer,
  names: ReadonlyMap<Variable, string>,
  has: ((name: string) => boolean) | undefined,
): { slots: (readonly [string, Variable])[]; keep: () => void } {
  const of = new Map<Variable, string>(); // the names of the trained variables that no part has
  const nameOf = (variable: Variable, kind: string): string => {
    const known = names.get(variable) ?? of.get(variable) ?? `variables.${of.size}`;
    if (!names.has(variable)) of.set(variable, known);
    return `${name}.${known}.${kind}`;
  };
  const untrained = Array.from(names.keys()).filter(({ dtype }) => isFloating(dtype));
  const all = optimizer.slotsWith(fn, untrained);
  const isIn = new Set(
    all.slots.filter(({ variable, kind }) => has?.(nameOf(variable, kind))).map(({ variable }) => variable),
  );
  // A variable without any slot in the file had made no step then.
  const wanted = all.slots.filter(({ variable, isNew }) => (has ? isIn.has(variable) : !isNew));
  return {
    slots: wanted.map(({ variable, kind, slot }) => [nameOf(variable, kind), slot] as const),
    keep: () => all.keep(isIn),
  };
}
