// Ratings of 10,000 items by 10,000 users, each the product of two vectors of 4 numbers, learnt from 570,000 of them.
// A batch of 1,000 ratings reads at most 1,000 rows of either table, so its gradients are sparse: IndexedSlices.
// Expected: the error on ratings kept aside falls from above 1 to below 0.15; the ratings themselves have noise of 0.1.
// The curve is drawn in out/matrix-factorisation.svg. Fewer of everything: node examples/matrix-factorisation.mjs --short
import { parseArgs } from 'node:util';
import * as tf from 'gradtape';
import { printCurve, writeCurves } from './plot/curves.mjs';

const { values: options } = parseArgs({ options: { short: { type: 'boolean' }, out: { type: 'string' } } });
const file = options.out ?? 'out/matrix-factorisation.svg';
const people = options.short ? 500 : 10_000;
const batch = options.short ? 250 : 1000;
const [rank, noise, epochs] = [4, 0.1, 10];
const count = 60 * people;

tf.random.setSeed(5);
const truth = [0, 1].map(() => tf.random.normal([people, rank], { stddev: 1 / Math.sqrt(Math.sqrt(rank)) }));
const pairs = [0, 1].map(() => tf.random.uniform([count], { minval: 0, maxval: people, dtype: 'int32' }));
const ratings = product(truth, pairs).add(tf.random.normal([count], { stddev: noise }));

const tables = [0, 1].map(() => new tf.Variable(tf.random.normal([people, rank], { stddev: 0.3 })));

/** For each pair of a user and an item, the product of their vectors. */
function product([users, items], [user, item]) {
  return tf.reduceSum(tf.gather(users, user).mul(tf.gather(items, item)), 1);
}

const kept = Math.round(count / 20);
const dataset = tf.data.fromTensors({ user: pairs[0], item: pairs[1], rating: ratings });
const training = dataset.skip(kept).shuffle(1).batch(batch, { dropRemainder: true });
const adam = new tf.optimizers.Adam({
  // A row moves only in steps that have it, so the rate is larger than for dense gradients.
  learningRate: new tf.optimizers.schedules.CosineDecay(0.1, epochs * training.cardinality),
});
const aside = dataset.take(kept).batch(5000);
const error = new tf.metrics.RootMeanSquaredError();

function errorAside() {
  error.reset();
  for (const { user, item, rating } of aside) error.update(rating, product(tables, [user, item]));
  return error.result().item();
}

const errors = [errorAside()];
const begun = performance.now();
for (let epoch = 0; epoch < epochs; epoch++) {
  for (const { user, item, rating } of training) {
    const tape = new tf.GradientTape();
    const loss = tape.record(() => tf.reduceMean(tf.square(product(tables, [user, item]).sub(rating))));
    const gradients = tape.gradient(loss, tables);
    if (!(gradients[0] instanceof tf.IndexedSlices)) throw new Error('the gradient of a gather is sparse');
    adam.applyGradients(gradients, tables);
  }
  errors.push(errorAside());
}
const seconds = (performance.now() - begun) / 1000;

printCurve(errors);
writeCurves(file, {
  title: `${people} users, ${people} items, ${count} ratings`,
  x: 'epoch',
  y: 'root mean squared error on ratings kept aside',
  curves: { 'Adam on sparse gradients': errors },
});
console.log(`${epochs} epochs in ${seconds.toFixed(1)} s; ${file}`);
console.log(`error on ratings kept aside: ${errors.at(-1).toFixed(3)}`);
