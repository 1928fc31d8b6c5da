/**
 * Lessons: which temporaries a program should have kept, because a later program had to compute them again. They are of two
 * kinds: one is of a place in programs of one structure (a state that a loop carries), the other of an op and a size, for values
 * that ops outside of the program read already. A wrong guess keeps what nobody wants, or computes a value twice; it changes no
 * result.
 */
import type { Computation } from './tensor.js';

const all: Lesson[] = [];

/** How often a value was kept for this lesson, and how often somebody read it after. */
class Lesson {
  kept = 0;
  used = 0;
  readonly number: number = all.push(this) - 1;

  /** Whether to keep one more: not after it was of no use too often. */
  keepsOnceMore(): boolean {
    this.kept++;
    if (this.kept <= kPatience + 2 * this.used) return true;
    if (this.kept > 4 * kPatience + 4 * this.used) this.kept = this.used; // tried again later
    return false;
  }
}
const kPatience = 16;
const kMostLessons = 4096;

const byProgram = new Map<number, Map<number, Lesson>>();
const byOp = new Map<Computation, Map<number, Lesson>>();

// The signatures of the latest programs, by serial number.
const kRemembered = 1024; // a power of two
const serials = new Int32Array(kRemembered).fill(-1);
const signatures = new Float64Array(kRemembered);

/** Lessons of places in a program. */
export type Lessons = ReadonlyMap<number, Lesson>;

/** Says what the program of this serial number looks like. Returns the lessons of its places. */
export function programIs(serial: number, signature: number): Lessons | undefined {
  const at = serial & (kRemembered - 1);
  serials[at] = serial;
  signatures[at] = signature;
  return byProgram.size === 0 ? undefined : byProgram.get(signature);
}

/** Whether there are lessons of ops. */
export function areOpsTaught(): boolean {
  return byOp.size > 0;
}

/** The lesson of an op's results of this size. */
export function lessonOf(op: Computation, size: number): Lesson | undefined {
  return byOp.get(op)?.get(size);
}

/** A value was computed again, by this op, which the program of this serial number computed first, at this place. */
export function learn(serial: number, index: number, op: Computation, size: number): void {
  if (all.length >= kMostLessons) forget();
  const at = serial & (kRemembered - 1);
  if (serials[at] === serial) add(byProgram, signatures[at] as number, index);
  add(byOp, op, size);
}

function add<K>(lessons: Map<K, Map<number, Lesson>>, key: K, place: number): void {
  let places = lessons.get(key);
  if (!places) {
    places = new Map();
    lessons.set(key, places);
  }
  if (!places.has(place)) places.set(place, new Lesson());
}

/** Somebody reads a value that was kept for the lesson of this number. */
export function noteUse(number: number): void {
  const lesson = all[number];
  if (lesson) lesson.used++;
}

/** Forgets everything. */
export function forget(): void {
  all.length = 0;
  byProgram.clear();
  byOp.clear();
}
