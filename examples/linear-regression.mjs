// Fits a line to noisy points: the smallest loop that learns, with nothing but a tape and two variables.
import * as tf from 'gradtape';

tf.random.setSeed(1);
const x = tf.random.normal([200]);
const y = x
  .mul(3)
  .add(2)
  .add(tf.random.normal([200]).mul(0.5));

const slope = new tf.Variable(0);
const offset = new tf.Variable(0);

for (let step = 1; step <= 100; step++) {
  const tape = new tf.GradientTape();
  const loss = tape.record(() => tf.reduceMean(tf.expr`(${slope} * ${x} + ${offset} - ${y})**2`));
  const gradient = tape.gradient(loss, { slope, offset });
  slope.assignSub(gradient.slope.mul(0.1));
  offset.assignSub(gradient.offset.mul(0.1));
  if (step === 1 || step % 20 === 0) console.log(`step ${step}: loss ${loss.item().toFixed(3)}`);
}

console.log(`y = ${slope.value().item().toFixed(2)} x + ${offset.value().item().toFixed(2)}`);
