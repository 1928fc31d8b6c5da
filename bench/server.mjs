// Load on examples/server: keep-alive clients that ask for predictions and gradients, mixed at random, each as soon as it has
// its last answer. `node bench/server.mjs [--seconds 30] [--clients 64] [--out FILE] [--check]`; with --check exit code 1 says that
// an aim was missed: the 99th percentile of predictions at most 5 times their median, that of the event loop's delay below 10 ms,
// memory that stays. The clients are in this process, the server in another.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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
    out: { type: 'string' },
    check: { type: 'boolean' },
  },
});
const seconds = Number(options.seconds);
const clients = Number(options.clients);
const kGradients = 1 / 16; // of the requests
const kPoints = 2000; // of a gradient
const kMostGrowth = 32; // MB from the second quarter to the last
const aims = { ratio: 5, delay: 10, growth: kMostGrowth };

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const server = spawn(process.execPath, [here('../examples/server/main.mjs'), '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [, port] = /:(\d+)$/.exec(await new Promise((resolve) => createInterface(server.stdout).once('line', resolve)));
const agent = new Agent({ keepAlive: true, maxSockets: clients + 1 });

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

const times = { '/predict': [], '/gradient': [] };
async function client(until) {
  while (performance.now() < until) {
    const path = Math.random() < kGradients ? '/gradient' : '/predict';
    const start = performance.now();
    await ask(path, path === '/predict' ? [[Math.random(), Math.random()]] : { points: kPoints });
    times[path].push(performance.now() - start);
  }
}

const together = (until) => Promise.all(Array.from({ length: clients }, () => client(until)));
await together(performance.now() + 2000); // until everything is compiled and planned
for (const list of Object.values(times)) list.length = 0;
await ask('/health');
const started = performance.now();
const health = [];
const watch = setInterval(async () => health.push(await ask('/health')), 1000);
await together(started + seconds * 1e3);
clearInterval(watch);
const took = (performance.now() - started) / 1e3;
server.kill();

const at = (list, share) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];
const round = (x) => Number(x.toPrecision(4));
const figures = (list) => ({
  requests: list.length,
  perSecond: round(list.length / took),
  median: round(at(list, 0.5)),
  p99: round(at(list, 0.99)),
  most: round(Math.max(...list)),
});
const memory = health.map((one) => one.memory);
const quarter = Math.max(1, Math.floor(memory.length / 4));
const [early, late] = [memory.slice(quarter, 2 * quarter), memory.slice(-quarter)].map((list) => Math.max(...list));
const predictions = figures(times['/predict']);
const result = {
  ...machine(await openGradtape()),
  server: { clients, seconds, pointsOfGradient: kPoints, gradients: kGradients, unit: 'ms, MB' },
  predictions,
  gradients: figures(times['/gradient']),
  ratio: round(predictions.p99 / predictions.median),
  eventLoopDelay: {
    p99: health.map((one) => round(one.delay)),
    most: round(Math.max(...health.map((one) => one.longest))),
  },
  delay: round(
    at(
      health.map((one) => one.delay),
      0.5,
    ),
  ),
  memory: memory.map(Math.round),
  growth: round(late - early),
  aims,
};
console.log(
  `predictions: ${predictions.perSecond}/s, median ${predictions.median} ms, p99 ${predictions.p99} ms (${result.ratio} times; aim ${aims.ratio})\n` +
    `gradients:   ${result.gradients.perSecond}/s, median ${result.gradients.median} ms, p99 ${result.gradients.p99} ms\n` +
    `event loop:  p99 of its delay ${result.delay} ms (aim ${aims.delay}), worst second ${Math.max(...result.eventLoopDelay.p99)} ms\n` +
    `memory:      ${Math.round(memory[0])} MB at first, ${Math.round(late)} MB at last, growth ${result.growth} MB`,
);
const out = options.out ?? here(`results/${slug(result)}-server.json`);
writeFileSync(
  out,
  `${JSON.stringify(result, null, 1).replace(/\[\n\s+([^\]{}]*?)\n\s+\]/g, (_, list) => `[${list.replace(/\n\s+/g, ' ')}]`)}\n`,
);
if (options.check && Object.entries(aims).some(([name, aim]) => result[name] > aim)) process.exitCode = 1;
