// A process of one library: runs what the parent asks for and answers. `node child.mjs <library> <threads> [cpu]`.
import process from 'node:process';
import { sideOf } from './cases/all.mjs';
import { LocalSide, useCpuClock } from './harness.mjs';
import { openGradtape } from './library.mjs';
import { open as openPeer } from './opponents.mjs';

/** The library's sides, by the id of a case. */
async function open(library, threads) {
  if (library !== 'gradtape') return await openPeer(library);
  const tf = await openGradtape(threads);
  return { make: (id) => sideOf(tf, id) };
}

const MB = 2 ** 20;

/** Growth of the resident set, in MB, over steps after a fifth as many; nothing runs in between, not even timers. */
async function growth(side, steps) {
  for (let i = 0; i < Math.min(200, steps / 5); i++) await side.step();
  const before = process.memoryUsage.rss();
  let most = before;
  for (let i = 0; i < steps; i++) {
    if (side.async) await side.step();
    else side.step();
    if (i % Math.ceil(steps / 100) === 0) most = Math.max(most, process.memoryUsage.rss());
  }
  most = Math.max(most, process.memoryUsage.rss());
  return { growth: (most - before) / MB, peak: process.resourceUsage().maxRSS / 1024 };
}

const library = process.argv[2];
if (process.argv[4] === 'cpu') useCpuClock();
const opened = await open(library, Number(process.argv[3]));
const makerOf = (id) => opened.sides?.[id] ?? (opened.make && (() => opened.make(id)));
let current = null;

const commands = {
  open: async ({ id }) => {
    current = new LocalSide(makerOf(id));
    return await current.open();
  },
  warm: ({ effort }) => current.warm(effort),
  sample: () => current.sample(),
  close: async () => {
    await current?.close();
    current = null;
  },
  growth: async ({ id, steps }) => growth(await makerOf(id)(), steps),
};

process.on('message', async ({ command, ...given }) => {
  try {
    process.send({ value: await commands[command](given) });
  } catch (error) {
    process.send({ error: String(error?.message ?? error) });
  }
});
process.send({ value: { ids: Object.keys(opened.sides ?? {}) } });
