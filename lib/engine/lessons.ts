/**
 * Lessons: which temporaries a program should have kept, because a later program had to compute them again. They are of two
 * kinds: one is of a place in programs of one structure (a state that a loop carries), the other of an op and a size, for values
 * that ops outside of the program read already. Values that may be next to come again are proposed as lessons, which count from
 * their first use on. A wrong guess keeps what nobody wants, or computes a value twice; it changes no
 * result.
 */
import type { Computation, Tensor } from './tensor.js';

const all: Lesson[] = [];

/** How often a value was kept for this lesson, and how often somebody read it after. */
class Lesson {
  kept = 0;
  used = 0;
  readonly number: number = all.push(this) - 1;
  /** What makes a lesson of a proposal; null if it is one. */
  begin: (() => void) | null = null;

  /** Whether to keep one more: not after it was of no use too often. */
  keepsOnceMore(): boolean {
    this.kept++;
    if (this.kept <= kPatience + 2 * this.used) return true;
    if (this.kept > 4 * kPatience + 4 * this.used) this.kept = this.used; // tried again later
    return false;
  }
}
const kPatience = 16;
const kMostLessons = 2 ** 14;

const byProgram = new Map<number, Map<number, Lesson>>();
const byOp = new Map<Computation, Map<number, Lesson>>();

// The signatures of the latest programs, by serial number.
const kRemembered = 1024; // a power of two
const serials = new Int32Array(kRemembered).fill(-1);
const signatures = new Float64Array(kRemembered);

/** A tensor that is kept for a lesson, and the lesson's number. */
export type Taught = readonly [t: Tensor, lesson: number];

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
  const signature = signatureOf(serial);
  if (signature !== undefined) add(byProgram, signature, index);
  add(byOp, op, size);
}

/** The signature of a program of the latest. */
function signatureOf(serial: number): number | undefined {
  const at = serial & (kRemembered - 1);
  return serials[at] === serial ? signatures[at] : undefined;
}

function add<K>(lessons: Map<K, Map<number, Lesson>>, key: K, place: number, make = () => new Lesson()): void {
  let places = lessons.get(key);
  if (!places) {
    places = new Map();
    lessons.set(key, places);
  }
  if (!places.has(place)) places.set(place, make());
}

/** How many values of one op to keep before they are asked for: twice as many after each time that one was of use. */
export class Ahead {
  private count = kLeastAhead / 2;
  private inVain = 0;
  private isUsed = true;
  private stride = 0;
  private serial = 0;
  private index = 0;

  /** How many to keep now; 0 if it was in vain too often, but for a try now and then. */
  next(): number {
    if (this.isUsed) {
      this.count = Math.min(2 * this.count, kMostLessons / 4);
      this.inVain = 0;
    } else {
      this.count = Math.max(kLeastAhead, this.count / 2);
      this.inVain++;
      if (this.inVain > kTriesAhead && this.inVain % (kPatience * kTriesAhead) !== 0) return 0;
    }
    this.isUsed = false;
    return this.count;
  }

  noteUse(): void {
    this.isUsed = true;
  }

  /**
   * Somebody asked for the value at this place of a program. Returns how far before it the next one may be, by what was asked for
   * last; 0 if that is not known, or was in vain.
   */
  strideTo(serial: number, index: number): number {
    const stride = this.serial === serial && (this.isUsed || this.stride === 0) ? this.index - index : 0;
    this.serial = serial;
    this.index = index;
    this.stride = Math.max(0, stride);
    return this.stride;
  }
}
const kLeastAhead = 8;
const kTriesAhead = 4;
const aheadByOp = new Map<Computation, Ahead>();

/** How far ahead values of this op are kept. */
export function aheadOf(op: Computation): Ahead {
  let ahead = aheadByOp.get(op);
  if (!ahead) {
    ahead = new Ahead();
    aheadByOp.set(op, ahead);
  }
  return ahead;
}

/** A value of the program of this serial number is kept, at this place, before it is asked for. Returns the number of its lesson. */
export function propose(serial: number, index: number, ahead: Ahead): number {
  if (all.length >= kMostLessons) forget();
  const signature = signatureOf(serial);
  const lesson = new Lesson();
  lesson.begin = () => {
    ahead.noteUse();
    if (signature !== undefined) add(byProgram, signature, index, () => lesson);
  };
  return lesson.number;
}

/** Somebody reads a value that was kept for the lesson of this number. */
export function noteUse(number: number): void {
  const lesson = all[number];
  if (!lesson) return;
  lesson.used++;
  lesson.begin?.();
  lesson.begin = null;
}

/** Forgets everything. */
export function forget(): void {
  all.length = 0;
  byProgram.clear();
  byOp.clear();
  aheadByOp.clear();
}
