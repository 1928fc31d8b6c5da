// A server that computes beside its event loop: predictions of a network, and gradients of its loss, for any number of clients.
// `node examples/server/main.mjs [port]`, then
//   curl localhost:8080/predict -d '[[0.1, 0.2]]'        the probabilities of two classes, for each point
//   curl localhost:8080/gradient -d '{"points": 2000}'   the loss over so many points, and how steep it is along each weight matrix
// A client that goes away takes back what it asked for, if that has not begun.
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as tf from 'gradtape';

tf.random.setSeed(1);
const kMostPoints = 10_000;
const sizes = [2, 256, 256, 2];
const layers = sizes.slice(1).map((outputs, i) => ({
  weights: new tf.Variable(tf.initializers.glorotUniform()([sizes[i], outputs])),
  bias: new tf.Variable(tf.zeros([outputs])),
}));
const points = tf.random.uniform([kMostPoints, 2], { minval: -1, maxval: 1 });
const labels = tf.cast(tf.greater(points.at(':', 0).mul(points.at(':', 1)), 0), 'int32');
tf.evaluate(points, labels, layers);

function network(inputs) {
  return layers.reduce((x, { weights, bias }, i) => {
    const sum = tf.expr`${x} @ ${weights} + ${bias}`;
    return i < layers.length - 1 ? tf.nn.relu(sum) : sum;
  }, inputs);
}

const answers = {
  async '/predict'(given, signal) {
    return await tf.nn.softmax(network(tf.constant(given))).array({ signal });
  },

  async '/gradient'({ points: count = kMostPoints }, signal) {
    const rows = (t) => t.at(`:${count}`);
    const tape = new tf.GradientTape();
    const loss = tape.record(() =>
      tf.reduceMean(tf.nn.sparseSoftmaxCrossEntropyWithLogits(rows(labels), network(rows(points)))),
    );
    const slopes = tape.gradient(
      loss,
      layers.map(({ weights }) => weights),
    );
    const steepness = slopes.map((slope) => tf.norm(slope));
    await tf.evaluateAsync(loss, steepness, { signal });
    return { loss: loss.item(), steepness: steepness.map((t) => t.item()) };
  },

  // What the server is like since the last time that somebody asked: the event loop's delay in ms, the resident memory in MB.
  async '/health'() {
    const health = {
      delay: delay.percentile(99) / 1e6,
      longest: delay.max / 1e6,
      memory: process.memoryUsage.rss() / 2 ** 20,
    };
    delay.reset();
    return health;
  },
};

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

async function textOf(request) {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}

const server = createServer(async (request, response) => {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const send = (status, value) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  try {
    const answer = Object.hasOwn(answers, request.url) && answers[request.url];
    if (!answer) return send(404, { error: `there are ${Object.keys(answers).join(', ')}` });
    send(200, await answer(JSON.parse((await textOf(request)) || '{}'), gone.signal));
  } catch (error) {
    if (!gone.signal.aborted) send(400, { error: error.message });
  }
});
server.listen(Number(process.argv[2] ?? 8080), () => {
  console.log(`listening at http://localhost:${server.address().port}`);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeIdleConnections();
});
