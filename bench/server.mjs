// Load on examples/server: keep-alive clients that ask for predictions and gradients, mixed at random. First each asks as soon as
// it has its last answer (a closed loop, which takes all that the cores have); then requests come at a fixed rate, below what the
// cores can do (an open loop: what a user sees of a server that is large enough). `node bench/server.mjs [--seconds 30] [--clients 64]
// [--rate 150] [--out FILE] [--check]`; with --check exit code 1 says that an aim was missed: the 99th percentile of predictions at
// most 5 times their median, that of the event loop's delay below 10 ms, memory that stays. The clients are in this process, the
// server in another; they share the cores.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openGradtape } from './library.mjs';
import { machine, slug } from './machine.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    clients: { type: 'string', default: '64' },
    rate: { type: 'string', default: '150' },
    out: { type: 'string' },
    check: { type: 'boolean' },
  },
});
const seconds = Number(options.seconds);
const clients = Number(options.clients);
const rate = Number(options.rate);
const kGradients = 1 / 16; // of the requests
const kPoints = 2000; // of a gradient
const kWarm = 5; // s, until everything is compiled and planned, and as many clients as ever wait for a gradient
const kMostGrowth = 32; // MB from the second quarter of the closed loop to its last
const aims = { ratio: 5, delay: 10, growth: kMostGrowth };

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const server = spawn(process.execPath, [here('../examples/server/main.mjs'), '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [, port] = /:(\d+)$/.exec(await new Promise((resolve) => createInterface(server.stdout).once('line', resolve)));
const agent = new Agent({ keepAlive: true, maxSockets: clients + 1 });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function ask(path, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ port, path, method: 'POST', agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(text));
      });
    });
    sent.on('error', reject).end(JSON.stringify(body));
  });
}

let times = null; // of requests by their path, while they count
let running = true;

/** One request; its time counts from when it was due, also if all connections were taken. */
async function one(due = performance.now()) {
  const path = Math.random() < kGradients ? '/gradient' : '/predict';
  await ask(path, path === '/predict' ? [[Math.random(), Math.random()]] : { points: kPoints });
  times?.[path].push(performance.now() - due);
}

/** Every client asks as soon as it has its last answer. */
function closedLoop() {
  return Array.from({ length: clients }, async () => {
    while (running) await one();
  });
}

/** Requests come at a fixed rate, whatever became of those before. */
async function openLoop() {
  const start = performance.now();
  const all = [];
  for (let k = 0; running; k++) {
    const due = start + (k * 1e3) / rate;
    while (running && performance.now() < due) await sleep(due - performance.now());
    all.push(one(due));
  }
  return Promise.all(all);
}

const at = (list, share) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const round = (x) => Number(x.toPrecision(4));

/** Seconds of CPU that the system has spent, and those of this process and of the server; Linux only. */
function cpuSeconds() {
  const numbers = (path, from, to) =>
    readFileSync(path, 'utf8').split(') ').at(-1).trim().split(/\s+/).slice(from, to).map(Number);
  const sum = (list) => list.reduce((a, b) => a + b, 0) / 100;
  if (process.platform !== 'linux') return null;
  const [user, nice, system] = numbers('/proc/stat', 1, 4);
  const own = [process.pid, server.pid].flatMap((pid) => numbers(`/proc/${pid}/stat`, 11, 13));
  return { all: sum([user, nice, system]), own: sum(own) };
}

/** What is measured of a load that is there: its clients do not begin anew, for then none of them would wait for a gradient. */
async function measured(load) {
  running = true;
  const ended = load();
  await sleep(kWarm * 1e3);
  await ask('/health');
  times = { '/predict': [], '/gradient': [] };
  const started = performance.now();
  const before = cpuSeconds();
  const health = [];
  while (performance.now() - started < seconds * 1e3) {
    await sleep(1000);
    health.push(await ask('/health'));
  }
  const took = (performance.now() - started) / 1e3;
  const after = cpuSeconds();
  const [predictions, gradients] = Object.values(times).map((list) => ({
    requests: list.length,
    perSecond: round(list.length / took),
    median: round(at(list, 0.5)),
    p99: round(at(list, 0.99)),
    most: round(Math.max(...list)),
  }));
  times = null;
  running = false;
  await Promise.all(await ended);
  const memory = health.map((one) => one.memory);
  const quarter = Math.max(1, Math.floor(memory.length / 4));
  const [early, late] = [memory.slice(quarter, 2 * quarter), memory.slice(-quarter)].map((list) => Math.max(...list));
  // Of the machine's CPUs, how many other processes took: with more than a few tenths the figures are theirs.
  const others = after && round((after.all - before.all - (after.own - before.own)) / took);
  const delays = health.map((one) => round(one.delay));
  return {
    predictions,
    gradients,
    ratio: round(predictions.p99 / predictions.median),
    eventLoopDelay: { p99: delays, most: round(Math.max(...health.map((one) => one.longest))) },
    delay: at(delays, 0.5),
    memory: memory.map(Math.round),
    growth: round(late - early),
    cpusOfOthers: others,
  };
}

const loads = { closed: await measured(closedLoop), open: await measured(openLoop) };
server.kill();
const result = {
  ...machine(await openGradtape()),
  server: { clients, seconds, rate, pointsOfGradient: kPoints, gradients: kGradients, unit: 'ms, MB' },
  ...loads,
  aims,
};
for (const [
  name,
  { predictions, gradients, ratio, delay, eventLoopDelay, memory, growth, cpusOfOthers },
] of Object.entries(loads)) {
  console.log(
    `${name === 'closed' ? `${clients} clients without a pause` : `${rate} requests a second`}\n` +
      `  predictions: ${predictions.perSecond}/s, median ${predictions.median} ms, p99 ${predictions.p99} ms (${ratio} times; aim ${aims.ratio})\n` +
      `  gradients:   ${gradients.perSecond}/s, median ${gradients.median} ms, p99 ${gradients.p99} ms\n` +
      `  event loop:  p99 of its delay ${delay} ms (aim ${aims.delay}), worst second ${Math.max(...eventLoopDelay.p99)} ms\n` +
      `  memory:      ${memory[0]} MB at first, ${memory.at(-1)} MB at last, growth ${growth} MB\n` +
      `  others took ${cpusOfOthers ?? '?'} of the CPUs`,
  );
}
const out = options.out ?? here(`results/${slug(result)}-server.json`);
writeFileSync(
  out,
  `${JSON.stringify(result, null, 1).replace(/\[\n\s+([^\]{}]*?)\n\s+\]/g, (_, list) => `[${list.replace(/\n\s+/g, ' ')}]`)}\n`,
);
const isMissed = (load) => Object.entries(aims).some(([name, aim]) => load[name] > aim);
if (options.check && Object.values(loads).some(isMissed)) process.exitCode = 1;
