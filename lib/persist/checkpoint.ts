/**
 * `Checkpoint`: the state of a training, saved so that it goes on from there with the same bits. A checkpoint is one safetensors
 * file, which other programs can read: its tensors are named as checkpoint-state.ts says, and its metadata hold the step
 * and the state of the shared stream of random numbers.
 */
import { integer, isPlainObject, type Kind, options, refuseBehind } from '../base/arguments.js';
import { GradtapeError, named, show, ValueError } from '../base/errors.js';
import { showsText } from '../base/inspect.js';
import { sameShape, showShape } from '../base/shape.js';
import { isVariable, type Variable } from '../op/variable.js';
import { getState, type RandomState, setState } from '../ops/random/state.js';
import { latestCheckpoint, nextFile, tidy } from './checkpoint-files.js';
import { type Parts, stateOf } from './checkpoint-state.js';
import { isFolder, makeFolder, type Path, pathIn, replaceFile, withSource } from './file.js';
import { quote } from './keys.js';
import { metadataKind, ownMetadata, readTensors, safetensorsFile } from './safetensors.js';
import { type Declared, fileDType, type Header, readHeader } from './safetensors-header.js';

export interface CheckpointParts {
  /** The step of the training: a number, which `checkpoint.step` then has; or a variable. */
  readonly step?: number | Variable;
  /** How many checkpoints `save` leaves in a folder. Default: all. */
  readonly maxToKeep?: number;
  /** Any other property is a part: variables and optimizers, in objects of any kind. */
  readonly [part: string]: unknown;
}
export interface SaveCheckpointOptions {
  /** How many checkpoints are left in the folder, this one among them. Default: that of the constructor. */
  maxToKeep?: number;
  /** Texts with names, which the file carries beside its own. */
  metadata?: { readonly [name: string]: string };
}

const keepKind: Kind<number> = integer(1);
const saveOptions = { maxToKeep: keepKind, metadata: metadataKind } as const;
const versionName = `${ownMetadata}checkpoint`;
const version = '1';
const stepName = `${ownMetadata}step`;
const optimizersName = `${ownMetadata}optimizers`;
const randomName = `${ownMetadata}random`;
const extension = '.safetensors';

/**
 * The state of a training: `new Checkpoint({ model, optimizer, step })`, with `new` or without. A part is anything that holds
 * variables or optimizers, to any depth, as `trainableVariables` looks for them; variables that are not trainable are saved as
 * well. `step` may be a number. The state of the shared stream of random numbers is always part of it.
 */
export interface Checkpoint {
  /** The step of the training, as it was given, set or restored; 0 at first. */
  step: number;
  /**
   * Saves the state at the time of the call, and returns the path of the file. `path` is a folder, which gets another file
   * (`ckpt-1.safetensors`, `ckpt-2.safetensors`, ...); or that of a file, if it ends in `.safetensors`. The file has its name only once
   * it is whole and on the disk, whenever the process or the machine stops. The calls of one checkpoint are done one after
   * another.
   * @throws (rejects) GradtapeError ERR_FILE; ValueError, also ERR_OPTION; what computing the values throws
   */
  save(path: Path, options?: SaveCheckpointOptions): Promise<string>;
  /**
   * Gives all variables, optimizers, the step and the random stream the state of a file; of a folder, that of the latest one
   * in it. An optimizer that has made no step yet gets its slots from the file. Parts that the file has and this checkpoint has not are not read, so that
   * `new Checkpoint({ model })` restores a model alone.
   * @throws (rejects) GradtapeError ERR_CHECKPOINT where names, shapes or dtypes differ, with a line for each of them;
   *   ERR_FILE, ERR_FORMAT; ValueError. Then nothing has changed.
   */
  restore(path: Path): Promise<this>;
}

class CheckpointOf implements Checkpoint {
  readonly #parts: Parts;
  readonly #maxToKeep: number | undefined;
  #step: number | Variable = 0;
  /** The saving that was asked for last. */
  #saving: Promise<unknown> = Promise.resolve();

  constructor(parts: CheckpointParts, extra?: unknown) {
    refuseBehind('Checkpoint', extra);
    if (!isPlainObject(parts)) {
      throw new ValueError(`Checkpoint: expected { model, optimizer, step, ... }, got ${show(parts)}`, 'ERR_OPTION');
    }
    const { step, maxToKeep, ...others } = readable(parts);
    this.#maxToKeep = options('Checkpoint', { maxToKeep: keepKind }, { maxToKeep }).maxToKeep;
    const found = new Map(Object.entries(others));
    if (isVariable(step)) {
      if (step.size !== 1) throw new ValueError(`Checkpoint: step must have one element, got ${showShape(step.shape)}`);
      found.set('step', step);
      this.#step = step;
    } else if (step !== undefined) {
      this.step = step;
    }
    for (const [name, part] of found) {
      if (name === '' || name.includes('.')) {
        throw new ValueError(`Checkpoint: a part cannot have the name ${quote(name)}`, 'ERR_OPTION');
      }
      if (typeof part === 'object' && part !== null) continue;
      const hint = typeof part === 'number' ? '; of numbers only step is saved: make it a variable' : '';
      throw new ValueError(
        `Checkpoint: ${quote(name)} must be an object that holds variables, got ${show(part)}${hint}`,
        'ERR_OPTION',
      );
    }
    if (found.size === 0)
      throw new ValueError('Checkpoint: expected { model, optimizer, step, ... }, got no part', 'ERR_OPTION');
    this.#parts = found;
  }

  /** @throws GradtapeError ERR_RECEIVER if `self`, what a method was called on, is no checkpoint */
  static #called(self: unknown, method: string): string {
    if (typeof self === 'object' && self !== null && #parts in self) return `Checkpoint.${method}`;
    throw new GradtapeError('ERR_RECEIVER', `Checkpoint.${method}: called on ${show(self)}, which is no Checkpoint`);
  }

  get step(): number {
    CheckpointOf.#called(this, 'step');
    return isVariable(this.#step) ? this.#step.item() : this.#step;
  }
  set step(step: unknown) {
    const fn = CheckpointOf.#called(this, 'step');
    if (typeof step !== 'number' || !Number.isFinite(step)) {
      throw new ValueError(`${fn}: expected a finite number, got ${show(step)}`, 'ERR_OPTION');
    }
    if (isVariable(this.#step)) this.#step.assign(step);
    else this.#step = step;
  }

  toString(): string {
    CheckpointOf.#called(this, 'toString');
    return `Checkpoint(${[...this.#parts.keys()].filter((name) => name !== 'step').join(', ')}, step=${this.step})`;
  }

  async save(path: Path, opts?: SaveCheckpointOptions, extra?: unknown): Promise<string> {
    const fn = CheckpointOf.#called(this, 'save');
    refuseBehind(fn, extra);
    const { metadata, maxToKeep = this.#maxToKeep } = options(fn, saveOptions, opts);
    const place = placeIn(fn, path);
    const { variables, optimizers } = stateOf(fn, this.#parts);
    const tensors = new Map(Array.from(variables, ([name, variable]) => [name, variable.peek()] as const));
    const texts = new Map([
      ...(metadata ?? []),
      [versionName, version],
      [stepName, JSON.stringify(this.step)],
      [optimizersName, JSON.stringify([...optimizers])],
      [randomName, JSON.stringify(getState())],
    ]);
    const before = this.#saving;
    const saved = (async () => {
      const { fill } = await safetensorsFile(tensors, texts);
      await before.catch(() => undefined);
      if (place.endsWith(extension)) return await replaceFile(fn, place, fill);
      await makeFolder(fn, place);
      return await replaceFile(
        fn,
        `${place}/ckpt`,
        fill,
        () => nextFile(place),
        () => tidy(place, maxToKeep),
      );
    })();
    this.#saving = saved;
    return await saved;
  }

  async restore(path: Path, extra?: unknown): Promise<this> {
    const fn = CheckpointOf.#called(this, 'restore');
    refuseBehind(fn, extra);
    const place = placeIn(fn, path);
    await this.#saving.catch(() => undefined);
    const file = await fileIn(fn, place);
    await withSource(fn, file, async (source) => {
      const header = await readHeader(fn, source);
      const { step, random, optimizers } = metadataIn(fn, source.name, header);
      const { variables, keep, optimizers: own } = stateOf(fn, this.#parts, (name) => header.tensors.has(name));
      const others = Array.from(own).filter(([name, kind]) => optimizers.has(name) && optimizers.get(name) !== kind);
      const faults = others.map(([name, kind]) => `${quote(name)} is ${kind}, in the file ${optimizers.get(name)}`);
      const wanted = this.#matched(fn, source.name, header, variables, faults);
      const tensors = await readTensors(fn, source, wanted);
      if (random !== null) restoreRandom(fn, source.name, random);
      keep();
      for (const [name, t] of tensors) variables.get(name)?.replace(fn, t);
      if (step !== null && !isVariable(this.#step)) this.#step = step;
    });
    return this;
  }

  /** What the file has for each variable. `faults`: what is known already of how it does not fit. */
  #matched(
    fn: string,
    file: string,
    header: Header,
    variables: ReadonlyMap<string, Variable>,
    faults: string[],
  ): readonly Declared[] {
    const wanted: Declared[] = [];
    for (const [name, { shape, dtype }] of variables) {
      const declared = header.tensors.get(name);
      if (declared === undefined) {
        faults.push(`${quote(name)} is not in the file`);
        continue;
      }
      if (!sameShape(declared.shape, shape)) {
        faults.push(`${quote(name)} has shape ${showShape(shape)}, in the file ${showShape(declared.shape)}`);
      }
      if (declared.dtype !== fileDType(dtype)) {
        faults.push(`${quote(name)} has dtype ${dtype} (${fileDType(dtype)}), in the file ${declared.dtype}`);
      }
      wanted.push(declared);
    }
    for (const name of header.tensors.keys()) {
      if (variables.has(name) || !this.#parts.has(name.split('.')[0] as string)) continue;
      faults.push(`${quote(name)} is in the file alone`);
    }
    if (faults.length === 0) return wanted;
    throw new GradtapeError(
      'ERR_CHECKPOINT',
      `${fn}: ${file} does not fit, and nothing was restored:\n  ${faults.join('\n  ')}`,
    );
  }
}

showsText(CheckpointOf.prototype);

/** A copy of the properties. */
function readable(parts: object): Record<string, unknown> {
  try {
    return { ...parts };
  } catch (error) {
    throw new GradtapeError('ERR_OPTION', 'Checkpoint: its parts cannot be read', error);
  }
}

function placeIn(fn: string, path: unknown): string {
  const place = pathIn(fn, path);
  if (place !== null) return place;
  const hint = path === null ? '; latestCheckpoint gives null where there is no checkpoint yet' : '';
  throw new ValueError(`${fn}: expected the path of a folder or a file, got ${show(path)}${hint}`);
}

/** The file to restore from: the latest one, if the path is that of a folder. */
async function fileIn(fn: string, place: string): Promise<string> {
  if (!(await isFolder(fn, place))) return place;
  const latest = latestCheckpoint(place);
  if (latest === null) throw new GradtapeError('ERR_FILE', `${fn}: there is no checkpoint in ${quote(place)}`);
  return latest;
}

function metadataIn(
  fn: string,
  file: string,
  { metadata }: Header,
): { step: number | null; random: unknown; optimizers: ReadonlyMap<string, string> } {
  const found = metadata.get(versionName);
  if (found !== version) {
    const what = found === undefined ? 'no checkpoint' : `a checkpoint of version ${quote(found)}`;
    const hint = found === undefined ? '; loadSafetensors reads other files' : '';
    throw new GradtapeError('ERR_CHECKPOINT', `${fn}: ${file} is ${what}${hint}`);
  }
  const read = (name: string): unknown => {
    const text = metadata.get(name);
    try {
      return text === undefined ? null : JSON.parse(text);
    } catch (error) {
      throw new GradtapeError('ERR_FORMAT', `${fn}: ${file} has no JSON for ${name}`, error);
    }
  };
  const step = read(stepName);
  if (step !== null && !Number.isFinite(step)) {
    throw new GradtapeError('ERR_FORMAT', `${fn}: the step in ${file} is ${show(step)}, not a number`);
  }
  const optimizers = read(optimizersName) ?? [];
  const isPair = (pair: unknown): boolean =>
    Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string');
  if (!Array.isArray(optimizers) || !optimizers.every(isPair)) {
    throw new GradtapeError('ERR_FORMAT', `${fn}: ${file} does not name its optimizers by pairs of names`);
  }
  return { step: step as number | null, random: read(randomName), optimizers: new Map(optimizers) };
}

function restoreRandom(fn: string, file: string, state: unknown): void {
  try {
    setState(state as RandomState);
  } catch (error) {
    throw new GradtapeError('ERR_FORMAT', `${fn}: the random state in ${file} is none`, error);
  }
}

/** The class, which can be called without `new` as well. */
function callable(): CheckpointConstructor {
  function Checkpoint(this: unknown, parts: CheckpointParts, ...extra: readonly unknown[]): Checkpoint {
    return Reflect.construct(CheckpointOf, [parts, ...extra], new.target ?? CheckpointOf) as Checkpoint;
  }
  Checkpoint.prototype = CheckpointOf.prototype;
  Object.defineProperty(CheckpointOf.prototype, 'constructor', {
    value: Checkpoint,
    configurable: true,
    writable: true,
  });
  return named('Checkpoint', Checkpoint as unknown as CheckpointConstructor & ((...args: never[]) => unknown));
}

/** `Checkpoint` as it is called, with `new` or without. */
export interface CheckpointConstructor {
  new (parts: CheckpointParts): Checkpoint;
  (parts: CheckpointParts): Checkpoint;
  /** What all checkpoints have. */
  readonly prototype: Checkpoint;
}
export const Checkpoint: CheckpointConstructor = callable();
