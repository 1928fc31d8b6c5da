// The state of assigned values (lib/engine/pending.ts): whatever fails, every variable has the value of its last assignment that can be
// computed, everything else works, and the error reaches who looks at what failed. A model drives it at random.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { failureOf } from '../support/errors.js';
import { repeated } from '../support/thorough.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** A pending value that cannot be computed: an index out of range that is known only when it is computed. */
function failing(x: tf.TensorLike = [1, 2, 3]): tf.Tensor {
  return tf.gather(x, tf.cast(tf.constant([7, 7]), 'int32').add(0));
}

async function rejection(promise: Promise<unknown>): Promise<tf.GradtapeError | null> {
  return promise.then(
    () => null,
    (error: unknown) => error as tf.GradtapeError,
  );
}

describe('a failed evaluation', () => {
  it('undoes no assignment that has nothing to do with it', () => {
    const v = new tf.Variable([1, 2]);
    v.assign(v.add(1));
    expect(failureOf(() => failing().dataSync())?.code).toBe('ERR_INDEX');
    expect(v.value().arraySync()).toEqual([2, 3]);
  });

  it('loses no step of an optimizer, looked at in this thread or another', async () => {
    for (const look of [(t: tf.Tensor) => failureOf(() => t.dataSync()), (t: tf.Tensor) => rejection(t.data())]) {
      const v = new tf.Variable([1, 2]);
      const adam = new tf.optimizers.Adam({ learningRate: 0.5 });
      adam.applyGradients([[tf.constant([1, 1]), v]]);
      expect((await look(failing()))?.code).toBe('ERR_INDEX');
      adam.applyGradients([[tf.constant([1, 1]), v]]);
      const [x, y] = v.value().arraySync() as number[];
      expect(x).toBeCloseTo(0, 5);
      expect(y).toBeCloseTo(1, 5);
    }
  });

  it('of an assigned value reaches who reads the variable, by its name, and nobody else', async () => {
    const v = new tf.Variable([1, 1], { name: 'table' });
    const other = new tf.Variable([5, 5]);
    for (const look of [(t: tf.Tensor) => failureOf(() => t.dataSync()), (t: tf.Tensor) => rejection(t.data())]) {
      v.assign(failing());
      other.assign(other.add(1));
      expect(tf.constant([1, 2]).mul(3).arraySync()).toEqual([3, 6]);
      expect(Array.from(await tf.constant([1, 2]).mul(4).data())).toEqual([4, 8]);
      const error = await look(v.mul(2));
      expect(error).toMatchObject({ code: 'ERR_INDEX' });
      expect(error?.message).toMatch(/gather: index 7 .*variable table/);
      expect(v.value().arraySync(), 'its last good value').toEqual([1, 1]);
    }
    expect(other.value().arraySync()).toEqual([7, 7]);
  });

  it('names every variable that the value came by', () => {
    const first = new tf.Variable([1, 1], { name: 'first' });
    const second = new tf.Variable([1, 1], { name: 'second' });
    first.assign(failing());
    second.assign(first.add(1));
    expect(failureOf(() => second.value().dataSync())?.message).toMatch(/second, first/);
    expect([first.value().arraySync(), second.value().arraySync()]).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it('names whoever loses an assignment by what somebody is told', () => {
    const value = failing();
    const [p, q] = ['p', 'q'].map((name) => new tf.Variable([1, 1], { name }));
    p?.assign(value);
    q?.assign(value);
    expect(failureOf(() => q?.arraySync())?.message).toMatch(/variable q\); p had been assigned/);
    p?.assign(failing());
    expect(failureOf(() => p?.arraySync())?.message).not.toMatch(/had been/);
    const seen = failing();
    p?.assign(seen);
    expect(failureOf(() => seen.arraySync())?.message).toMatch(/; p had been assigned what depends on it/);
  });

  it('tells once: all that failed by one op go back together, and the next step of training works', () => {
    const v = new tf.Variable([1, 2]);
    const adam = new tf.optimizers.Adam({ learningRate: 0.5 });
    const step = (bad: boolean): tf.Tensor => {
      const loss = (): tf.Tensor => tf.reduceSum(bad ? failing(tf.concat([v, v], 0)) : tf.square(v));
      return adam.minimize(loss, [v]);
    };
    step(false).item();
    const before = v.value().arraySync();
    const slots = adam.variables.map((s) => s.value().arraySync());
    expect(failureOf(() => step(true).item())?.code).toBe('ERR_INDEX');
    expect(v.value().arraySync()).toEqual(before);
    expect(adam.variables.slice(-2).map((s) => s.value().arraySync())).toEqual(slots.slice(-2));
    step(false).item();
    expect(v.value().arraySync()).not.toEqual(before);
  });

  it('of a value too large for memory hurts its variable alone', async () => {
    const huge = new tf.Variable(tf.zeros([2 ** 30, 8]), { name: 'huge' });
    const v = new tf.Variable([1, 2]);
    huge.assign(tf.random.normal([2 ** 30, 8]));
    v.assign(v.add(1));
    for (let k = 1; k <= 3; k++) expect(tf.constant([1, 2]).mul(k).arraySync()).toEqual([k, 2 * k]);
    expect(v.value().arraySync()).toEqual([2, 3]);
    const error = failureOf(() => huge.value().dataSync());
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect(error?.message).toMatch(/variable huge/);
    expect(huge.at(0, 0).item()).toBe(0);
    huge.assign(tf.random.normal([2 ** 30, 8]));
    expect(await rejection(huge.value().data())).toMatchObject({ code: 'ERR_OUT_OF_MEMORY' });
    expect(huge.at(0, 0).item()).toBe(0);
  });

  it('is no reason to refuse the next assignment', () => {
    const v = new tf.Variable([1, 2]);
    v.assign(failing());
    v.assign([3, 4]);
    expect(v.value().arraySync()).toEqual([3, 4]);
    v.assign(failing());
    expect(tf.exp([0]).arraySync()).toEqual([1]);
    v.assign(tf.constant([1, 2]).add(4));
    expect(v.value().arraySync()).toEqual([5, 6]);
  });
});

describe('assigned values that nobody looks at', () => {
  it('are collected with their variables', async () => {
    const gone = (() => {
      const v = new tf.Variable([1, 2]);
      v.assign(v.add(1));
      return new WeakRef(v);
    })();
    for (let k = 0; k < 5 && gone.deref(); k++) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    expect(gone.deref()).toBeUndefined();
  });

  it('are computed when too many wait in one turn', () => {
    const grown = (): number => {
      for (let k = 0; k < 10_000; k++) {
        const v = new tf.Variable([k, 2]);
        v.assign(v.add(1));
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = grown();
    expect(grown() - before).toBeLessThan(8e6);
  });
});

// ---- the model ----

type Value = { readonly numbers: readonly number[] } | { readonly culprits: ReadonlySet<number> };

interface Modelled {
  readonly variable: tf.Variable;
  value: Value;
  good: readonly number[];
}

const count = 3;
const place = fc.nat(count - 1);
const action = fc.oneof(
  fc.record({ kind: fc.constantFrom('known', 'plus', 'addTo'), i: place, j: place }),
  fc.record({ kind: fc.constantFrom('bad', 'badFrom', 'look', 'lookAtSum', 'data', 'gc'), i: place, j: place }),
  fc.record({
    kind: fc.constantFrom('unrelated', 'unrelatedBad', 'hold', 'flight', 'abort', 'land', 'turn', 'all'),
    i: place,
    j: place,
  }),
);

describe('random assignments, looks, failures, flights, aborts and collections', () => {
  it('agree with a model of variables that are computed at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (script) => {
        const model = await new Model().play(script);
        await model.check();
      }),
      { numRuns: repeated(150, 400) },
    );
  });
});

class Model {
  private readonly cells: Modelled[] = Array.from({ length: count }, (_, k) => ({
    variable: new tf.Variable([k, k], { name: `v${k}` }),
    value: { numbers: [k, k] },
    good: [k, k],
  }));
  private readonly told = new Set<number>();
  /** Told or not: which of several culprits a program reports, and when one on another thread does, is not said. */
  private readonly perhaps = new Set<number>();
  private readonly held: { t: tf.Tensor; value: Value }[] = [];
  private flights: { promise: Promise<unknown>; value: Value; controller: AbortController }[] = [];
  private culprits = 0;
  private next = 10;

  async play(script: readonly { kind: string; i: number; j: number }[]): Promise<this> {
    for (const { kind, i, j } of script) await this.act(kind, this.cells[i] as Modelled, this.cells[j] as Modelled);
    return this;
  }

  async check(): Promise<void> {
    await this.land();
    for (const cell of [...this.cells, ...this.cells]) {
      const value = this.read(cell);
      this.look(cell.variable.value(), value);
    }
    for (const { t, value } of this.held) this.look(t, value);
    expect(tf.constant([1, 2]).mul(3).arraySync()).toEqual([3, 6]);
  }

  private async act(kind: string, a: Modelled, b: Modelled): Promise<void> {
    const n = this.next++;
    switch (kind) {
      case 'known':
        a.variable.assign([n, n]);
        return this.assigned(a, { numbers: [n, n] });
      case 'plus': {
        const value = this.map(this.read(b), (x) => x + 1);
        a.variable.assign(b.variable.add(1));
        return this.assigned(a, value);
      }
      case 'addTo': {
        const value = this.sum(this.read(a), this.read(b));
        a.variable.assignAdd(b.variable);
        return this.assigned(a, value);
      }
      case 'bad':
        a.variable.assign(failing());
        return this.assigned(a, { culprits: new Set([this.culprits++]) });
      case 'badFrom': {
        const read = this.read(b);
        const own = this.culprits++;
        a.variable.assign(failing(b.variable));
        return this.assigned(a, { culprits: new Set([own, ...('culprits' in read ? read.culprits : [])]) });
      }
      case 'look': {
        const value = this.read(a);
        return this.look(a.variable.value(), value);
      }
      case 'lookAtSum': {
        const value = this.sum(this.read(a), this.read(b));
        return this.look(tf.add(a.variable, b.variable), value);
      }
      case 'data': {
        const value = this.read(a);
        return this.came(await rejection(a.variable.value().data()), value);
      }
      case 'gc':
        return gc();
      case 'unrelated':
        return this.look(tf.constant([n, n]).mul(1), { numbers: [n, n] });
      case 'unrelatedBad':
        return this.look(failing(), { culprits: new Set([this.culprits++]) });
      case 'hold': {
        const value = this.sum(this.read(a), this.read(b));
        this.held.push({ t: tf.add(a.variable, b.variable), value });
        return;
      }
      case 'flight': {
        const value = this.read(a);
        const controller = new AbortController();
        const promise = rejection(a.variable.mul(1).data({ signal: controller.signal }));
        // Every assigned value flies along, and what fails there is known when it lands.
        for (const cell of this.cells)
          if ('culprits' in cell.value) for (const c of cell.value.culprits) this.perhaps.add(c);
        this.flights.push({ promise, value, controller });
        return;
      }
      case 'abort': {
        const flight = this.flights.pop();
        if (!flight) return;
        flight.controller.abort();
        const error = await flight.promise;
        // Whether it was aborted or had ended before, nothing of what was assigned is lost, and nobody else is told.
        if ((error as Error | null)?.name !== 'AbortError') this.came(error as tf.GradtapeError | null, flight.value);
        return;
      }
      case 'land':
        return this.land();
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve));
        return;
      case 'all': {
        const error = failureOf(() => tf.evaluate(...this.cells.map(({ variable }) => variable)));
        const bad = this.cells.flatMap(({ value }) => ('culprits' in value ? [...value.culprits] : []));
        const untold = bad.filter((c) => !this.told.has(c));
        if (untold.length === 0) expect(error).toBeNull();
        for (const c of untold) this.perhaps.add(c);
      }
    }
  }

  private async land(): Promise<void> {
    for (const { promise, value } of this.flights) this.came((await promise) as tf.GradtapeError | null, value);
    this.flights = [];
  }

  private assigned(cell: Modelled, value: Value): void {
    cell.value = value;
    if ('numbers' in value) cell.good = value.numbers;
  }

  /** What a reading of the variable is now; settles by looking what the model cannot say. */
  private read(cell: Modelled): Value {
    const { value } = cell;
    if ('numbers' in value) return value;
    // Of several culprits a value is blamed on one, and a program is free which: told of another, its variable may still wait.
    const known = [...value.culprits].filter((c) => this.told.has(c)).length;
    const sure =
      [...value.culprits].every((c) => !this.perhaps.has(c)) && (known === 0 || known === value.culprits.size);
    if (!sure) {
      const error = failureOf(() => cell.variable.value().dataSync());
      if (error) {
        // Who was told of one culprit may still wait to be told of another.
        expect(error.code).toBe('ERR_INDEX');
        for (const c of value.culprits) this.perhaps.add(c);
        let again: unknown = error;
        for (let k = 0; k < 3 && again; k++) again = failureOf(() => cell.variable.value().dataSync());
        // A program on another thread reports when it lands.
        if (again && this.flights.length > 0) return value;
      }
      this.assigned(cell, { numbers: cell.good });
      expect(cell.variable.value().arraySync()).toEqual(cell.good);
      return cell.value;
    }
    if (known === 0) return value;
    this.assigned(cell, { numbers: cell.good });
    return cell.value;
  }

  private look(t: tf.Tensor, value: Value): void {
    if ('numbers' in value) expect(t.arraySync()).toEqual([...value.numbers]);
    else
      this.came(
        failureOf(() => t.dataSync()),
        value,
      );
  }

  private came(error: tf.GradtapeError | null, value: Value): void {
    if ('numbers' in value) {
      expect(error).toBeNull();
      return;
    }
    expect(error).toMatchObject({ code: 'ERR_INDEX' });
    const [only] = value.culprits;
    if (value.culprits.size === 1 && only !== undefined && !this.perhaps.has(only)) this.told.add(only);
    else for (const c of value.culprits) this.perhaps.add(c);
  }

  private map(value: Value, f: (x: number) => number): Value {
    return 'numbers' in value ? { numbers: value.numbers.map(f) } : value;
  }

  private sum(a: Value, b: Value): Value {
    if ('numbers' in a && 'numbers' in b) return { numbers: a.numbers.map((x, k) => x + (b.numbers[k] as number)) };
    return { culprits: new Set([a, b].flatMap((v) => ('culprits' in v ? [...v.culprits] : []))) };
  }
}
