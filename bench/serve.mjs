// A process of one JavaScript library: answers what remote.mjs asks. `node serve.mjs <library> <threads> <wall or cpu>`, and for
// gradtape of another checkout than this its folder.
import { readFileSync, writeSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { caseOf } from './cases/all.mjs';
import { LocalSide, useCpuClock } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { open as openPeer } from './opponents.mjs';

/** { kinds: ways to make a side, by kind of case; version }. */
async function open(library, threads, checkout) {
  if (library !== 'gradtape') return await openPeer(library, threads);
  const tf = await openGradtape(threads, checkout);
  return { version: '', makerOf: (id) => () => caseOf(id).make(tf) };
}

const MB = 2 ** 20;

/** The most memory that was resident, in MB. Not getrusage's, which on Linux begins with that of the parent process. */
function peakMemory() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
}

/** Growth of the resident set after a fifth as many steps, at most 200; nothing runs in between, not even timers. */
async function memory(side, steps, seconds) {
  const until = performance.now() + seconds * 1e3;
  for (let i = 0; i < Math.min(200, steps / 5); i++) await side.step();
  const before = process.memoryUsage.rss();
  let most = before;
  let done = 0;
  while (done < steps && performance.now() < until) {
    if (side.async) await side.step();
    else side.step();
    if (done++ % Math.ceil(steps / 100) === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  most = Math.max(most, process.memoryUsage.rss());
  return { growth: (most - before) / MB, peak: peakMemory(), steps: done };
}

const [, , library, threads, clock, checkout] = process.argv;
if (clock === 'cpu') useCpuClock();
const opened = await open(library, Number(threads), checkout);
const makerOf = ({ id, kind, given }) => opened.makerOf?.(id) ?? (() => opened.kinds[kind](given ?? {}));
let current = null;

const commands = {
  open: async (test) => {
    current = new LocalSide(makerOf(test));
    return await current.open();
  },
  warm: (effort) => current.warm(effort),
  sample: () => current.sample(),
  close: async () => {
    await current?.close();
    current = null;
  },
  memory: async ({ steps, seconds, ...test }) => memory(await makerOf(test)(), steps, seconds),
};

const answer = (message) => writeSync(3, `${JSON.stringify(message)}\n`);

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { command, ...given } = JSON.parse(line);
  try {
    answer({ value: (await commands[command](given)) ?? null });
  } catch (error) {
    answer({ error: String(error?.message ?? error).split('\n')[0] });
  }
});
answer({ value: { kinds: Object.keys(opened.kinds ?? {}), version: opened.version } });
