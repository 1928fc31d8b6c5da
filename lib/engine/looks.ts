/**
 * Looks: elements that were read while a tape recorded, and the constants that were made of them. For a tape such a
 * constant has no past; `explain` says where it came from. Keeps no tensor.
 */
import type { Tensor } from './tensor.js';

/** A reading of elements. */
export interface Look {
  /** The id of the tensor that was read. */
  readonly of: number;
  /** The tensor itself, of a reading that waits: a tape finds entries from before an await by their tensors alone. */
  readonly tensor?: WeakRef<Tensor>;
  /** What the one who noted it knows of the tensor besides. */
  readonly trace: unknown;
}

/** A constant made of elements that were read. */
export interface Detachment {
  readonly constant: number;
  readonly look: Look;
}

/** How many numbers and detachments are remembered: the last ones. */
const kRemembered = 64;
const looksByArray = new WeakMap<object, Look>();
const numbers: { readonly value: number; readonly look: Look }[] = [];
const detached = new WeakMap<Tensor, Look>();
let detachments: Detachment[] = [];

/** Whether anything has been noted; before that constants need not ask. */
let any = false;

/** Notes that the elements of a tensor left the library, as an array or a number. */
export function noteLook(value: unknown, look: Look): void {
  any = true;
  if (typeof value === 'number') {
    if (numbers.length === kRemembered) numbers.shift();
    numbers.push({ value, look });
  } else if (typeof value === 'object' && value !== null) {
    looksByArray.set(value, look);
  }
}

function lookOf(value: unknown): Look | null {
  if (typeof value === 'number') return numbers.findLast((n) => n.value === value)?.look ?? null;
  if (typeof value !== 'object' || value === null) return null;
  const whole = looksByArray.get(value);
  if (whole || !Array.isArray(value) || value.length > kRemembered) return whole ?? null;
  for (const part of value) {
    const look = lookOf(part);
    if (look) return look;
  }
  return null;
}

/** Whether the value was read from a tensor. */
export function wasRead(value: unknown): boolean {
  return any && lookOf(value) !== null;
}

/** The constant `t` of `value`, noted if that was read from a tensor. Returns t. */
export function constantOf(value: unknown, t: Tensor): Tensor {
  const look = any ? lookOf(value) : null;
  if (!look) return t;
  detached.set(t, look);
  if (detachments.length === kRemembered) detachments = detachments.slice(1);
  detachments.push({ constant: t.id, look });
  return t;
}

/** The reading that gave the elements of this constant; null if there was none. */
export function lookBehind(t: Tensor): Look | null {
  return any ? (detached.get(t) ?? null) : null;
}

/** The last constants made of elements that were read. */
export function latestDetachments(): readonly Detachment[] {
  return detachments;
}
