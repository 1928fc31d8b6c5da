// Chapter 1: the first gradients, what TensorFlow's GradientTape tutorial begins with. What is shown is what is run.
import { format } from 'node:util';
import * as tf from 'gradtape';
import { chapter, code, failure, output, prose, say } from './terminal.mjs';

export function seed() {
  chapter(1, 'A tape');

  prose('A tape records the operations on what it watches; its gradient is printed as TensorFlow prints it.');
  run((console) => {
    const x = tf.ones([2, 3]);
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(x);
      const y = tf.reduceSum(x);
      return tf.square(y);
    });
    console.log(tape.gradient(z, x));
  });

  prose(
    'Variables are watched by themselves. A gradient taken while another tape records can be differentiated again.',
  );
  const { outer, dy, v } = run((console) => {
    const v = new tf.Variable(2.0);
    const outer = new tf.GradientTape();
    const dy = outer.record(() => {
      const inner = new tf.GradientTape();
      const y = inner.record(() => tf.expr`2*${v}**3 + 5*${v}**2 + 3*${v}`);
      return inner.gradient(y, v);
    });
    console.log(dy); // 6*v**2 + 10*v + 3
    console.log(outer.gradient(dy, v)); // 12*v + 10
    return { outer, dy, v };
  });

  prose('That tape is used up: its record was freed with the first gradient. Asking again says so, and what to do.');
  run(() => {
    outer.gradient(dy, v);
  });

  prose('A persistent tape answers as often as it is asked, also for gradients of what was computed on the way.');
  run((console) => {
    const x = tf.constant(2.0);
    const tape = new tf.GradientTape({ persistent: true });
    const [y, z] = tape.record(() => {
      tape.watch(x);
      const y = tf.expr`2*${x}**3 + 5*${x}**2 + 3*${x}`;
      const z = tf.expr`${y}*${y}*${y}*${y}`;
      return [y, z];
    });
    console.log(tape.gradient(y, x)); // 47
    console.log(tape.gradient(z, y)); // 4*y**3, at y = 42
  });
}

// Shows the body of a function, runs it, and shows what it logs or throws.
function run(body) {
  code(sourceOf(body));
  say();
  try {
    return body({ log: (...values) => output(format(...values)) });
  } catch (error) {
    if (!(error instanceof tf.TapeError)) throw error;
    failure(error);
  } finally {
    say();
  }
}

function sourceOf(body) {
  const lines = body.toString().split('\n').slice(1, -1);
  const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
  return lines
    .map((line) => line.slice(indent))
    .filter((line) => !line.startsWith('return'))
    .join('\n');
}
