// Measuring: the sides of a case take turns, round by round, so that a busy moment of the machine hits all of them. Prints nothing.
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/**
 * How long things take: a sample lasts `sample` ms at least, after `warm` ms of the CPU, again and again up to `warmings` times
 * until it is warm; `rounds` samples a side, fewer (but `least`, or one) where they would last longer than `budget` ms.
 */
export const efforts = {
  full: { warm: 300, warmings: 12, sample: 40, rounds: 15, least: 3, budget: 6000 },
  quick: { warm: 60, warmings: 1, sample: 5, rounds: 3, least: 1, budget: 200 },
};

// What the steps return goes here, so that nothing measured is dead code.
const sink = { last: null };

const cpuTime = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
};

let clock = () => performance.now();

/** Measures the process's CPU time instead of the time that passes: on a busy machine, and with one thread. */
export function useCpuClock() {
  clock = cpuTime;
}

function loop(side, n) {
  const from = clock();
  for (let i = 0; i < n; i++) sink.last = side.step();
  return (clock() - from) / n;
}

async function loopAsync(side, n) {
  const from = clock();
  for (let i = 0; i < n; i++) sink.last = await side.step();
  return (clock() - from) / n;
}

/** ms per step, over n steps. */
function timed(side, n) {
  return side.async ? loopAsync(side, n) : loop(side, n);
}

const spent = { wall: 0, cpu: 0 };

/** How much of the samples' time this process had a CPU: near 1 (or above, with threads) unless others were in the way. */
export function cpuShare() {
  return spent.wall > 0 ? Number((spent.cpu / spent.wall).toFixed(3)) : null;
}

/** A side of this process: its numbers, then its times. */
export class LocalSide {
  constructor(make) {
    this.make = make;
  }

  /** Builds the inputs and computes once; the numbers are for comparison with the others'. Null: the library has no such thing. */
  async open() {
    this.side = await this.make();
    if (this.side === null) return null;
    return [...(await this.side.check())];
  }

  /** Runs until warm. Returns how many ms a sample will take. */
  async warm({ warm, sample }) {
    collect();
    const from = cpuTime();
    let n = 1;
    let each = await timed(this.side, 1);
    for (let left = warm; left > 0; left = from + warm - cpuTime()) {
      n = Math.max(1, Math.min(n * 2, Math.ceil(left / Math.max(each, 1e-6))));
      each = await timed(this.side, n);
    }
    this.steps = Math.max(1, Math.ceil(sample / Math.max(each, 1e-6)));
    return each * this.steps;
  }

  async sample() {
    const [cpu, wall] = [cpuTime(), performance.now()];
    const each = await timed(this.side, this.steps);
    spent.cpu += cpuTime() - cpu;
    spent.wall += performance.now() - wall;
    return each;
  }

  async close() {
    await this.side?.close?.();
    this.side = null;
    sink.last = null;
    collect();
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The first place where the numbers differ by more than rtol of the greatest; null if none does. JSON makes null of NaN. */
function difference(numbers, expected, rtol) {
  if (numbers.length !== expected.length) return `${numbers.length} numbers instead of ${expected.length}`;
  const scale = Math.max(...expected.map(Math.abs), 1e-30);
  const at = numbers.findIndex((x, i) => !(Math.abs(x - expected[i]) <= rtol * scale));
  return at < 0 ? null : `${numbers[at]} instead of ${expected[at]}`;
}

/**
 * Warms a side until it has twice in turn not become faster by 5 %: V8, for one, goes on compiling for seconds where a step is
 * much code. Returns how many ms a sample will take.
 */
async function warmUp(side, effort) {
  let best = Number.POSITIVE_INFINITY;
  let each = 0;
  for (let warmed = 0, steady = 0; warmed < effort.warmings && steady < 2; warmed++) {
    each = await side.warm(effort);
    if (effort.warmings === 1 || each > effort.warm) break; // of a step so long nothing is left to compile
    const now = await side.sample();
    steady = now > 0.95 * best ? steady + 1 : 0;
    best = Math.min(best, now);
  }
  return each;
}

/**
 * Measures a case. `sides` maps a library's name to its side; the first is ours. The numbers of all must agree.
 * Returns by name { times: ms per step, one a round } or { failure }.
 */
export async function measure(test, sides, effort) {
  const outcome = {};
  let expected = test.expect;
  const running = [];
  for (const [name, side] of Object.entries(sides)) {
    try {
      const numbers = await side.open();
      if (numbers === null) continue;
      const wrong = expected && difference(numbers, expected, test.rtol ?? 1e-4);
      if (wrong) throw new Error(`wrong result: ${wrong}`);
      expected ??= numbers;
      const each = await warmUp(side, effort);
      const affordable = Math.floor(effort.budget / each);
      const rounds = affordable < 1 ? 1 : Math.max(effort.least, Math.min(effort.rounds, affordable));
      outcome[name] = { times: [] };
      running.push([name, side, rounds]);
    } catch (error) {
      outcome[name] = { failure: String(error?.message ?? error).split('\n')[0] };
      await side.close().catch(() => {});
    }
  }
  for (let round = 0; round < effort.rounds; round++) {
    // Who is first changes from round to round.
    for (let k = 0; k < running.length; k++) {
      const [name, side, rounds] = running[(k + round) % running.length];
      if (round >= rounds) continue;
      outcome[name].times.push(await side.sample());
    }
  }
  for (const [, side] of running) await side.close();
  return outcome;
}
