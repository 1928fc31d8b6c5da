// Checkpoints over several processes: training that is resumed has the same bits, and a process may be killed at any byte.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { child, linux, plain } from '../support/child.js';
import { root } from '../support/files.js';
import { numbers } from '../support/numbers.js';
import { thorough } from '../support/thorough.js';
import { temporaryFolder } from './folder.js';

const at = temporaryFolder('resume');

/** A training with dropout and shuffled batches of the shared stream. */
const training = (optimizer: string): string => `
  const dense = (i, o, seed) => ({ w: tf.variable(tf.random.normal([i, o], { seed })), b: tf.variable(tf.zeros([o])) });
  const model = { layers: [dense(6, 8, 1), dense(8, 2, 2)] };
  const x = tf.random.normal([16, 6], { seed: 3 }), y = tf.random.normal([16, 2], { seed: 4 });
  const rate = tf.variable(0.05, { trainable: false });
  const optimizer = ${optimizer};
  const checkpoint = tf.Checkpoint({ model, optimizer });
  const train = (steps) => {
    for (let k = 0; k < steps; k++) {
      const rows = tf.random.shuffle(tf.range(16, { dtype: 'int32' })).slice([0], [8]);
      optimizer.minimize(() => {
        const [a, b] = model.layers;
        const h = tf.nn.dropout(tf.tanh(tf.gather(x, rows).matmul(a.w).add(a.b)), 0.3);
        return tf.reduceMean(tf.square(tf.sub(h.matmul(b.w).add(b.b), tf.gather(y, rows))));
      }, tf.trainableVariables(model));
      rate.assign(rate.mul(0.97));
      checkpoint.step++;
    }
  };
  const state = () => [
    [...tf.trainableVariables(model), ...optimizer.variables, ...(optimizer.learningRate === rate ? [rate] : [])].map((v) => Buffer.from(v.dataSync().buffer).toString('hex')),
    checkpoint.step, tf.random.getState()];`;

const optimizers = {
  Adam: 'new tf.optimizers.Adam({ learningRate: rate, amsgrad: true, globalClipnorm: 1 })',
  SGD: 'new tf.optimizers.SGD({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })',
  'RMSprop that accumulates and averages':
    'new tf.optimizers.RMSprop({ centered: true, momentum: 0.5, gradientAccumulationSteps: 4, useEma: true, emaOverwriteFrequency: 2 })',
  'Nadam with a schedule':
    'new tf.optimizers.Nadam({ learningRate: new tf.optimizers.schedules.ExponentialDecay(0.1, 3, 0.9) })',
  Ftrl: 'new tf.optimizers.Ftrl({ l1RegularizationStrength: 0.01 })',
  Adagrad: 'new tf.optimizers.Adagrad()',
};

describe.runIf(plain)('training that is resumed in another process', () => {
  it.each(Object.entries(optimizers))('%s: the same bits as training that went through', async (name, optimizer) => {
    const folder = JSON.stringify(at(name));
    const code = training(optimizer);
    const [through] = await Promise.all([
      child<unknown[]>(`${code} tf.random.setSeed(5); train(13); done(state());`),
      child(`${code} tf.random.setSeed(5); train(6); await checkpoint.save(${folder}); done(0);`),
    ]);
    const resumed = await child<unknown[]>(
      `${code} await checkpoint.restore(tf.latestCheckpoint(${folder})); train(13 - checkpoint.step); done(state());`,
    );
    expect(resumed).toEqual(through);
    const other = await child<unknown[]>(`${code} tf.random.setSeed(5); train(12); done(state());`);
    expect(other).not.toEqual(through);
  });
});

// The model in which everything is the number of the step, in a child; then what happens while step 2 is saved.
const saving = (folder: string, accident: string): string => `
  const model = { big: tf.variable(tf.zeros([9000])), small: tf.variable(0), bytes: tf.variable(tf.zeros([100], { dtype: 'uint8' })) };
  const optimizer = new tf.optimizers.Adam();
  optimizer.build(model.big);
  const checkpoint = tf.Checkpoint({ model, optimizer, maxToKeep: 2 });
  const set = (k) => {
    for (const v of [...Object.values(model), ...optimizer.variables]) v.assign(tf.fill(v.shape, k, { dtype: v.dtype }));
    checkpoint.step = k;
  };
  const fs = require('node:fs'), promises = require('node:fs/promises');
  const die = () => { process.kill(process.pid, 'SIGKILL'); for (;;); };
  const handle = Object.getPrototypeOf(await promises.open('/dev/null'));
  set(1);
  await checkpoint.save(${JSON.stringify(folder)});
  set(2);
  ${accident}
  await checkpoint.save(${JSON.stringify(folder)});
  done('saved');`;

/** The number that everything has in the latest checkpoint. */
async function latest(folder: string): Promise<number> {
  const v = (x: tf.Tensor): tf.Variable => new tf.Variable(x);
  const model = { big: v(tf.zeros([9000])), small: v(tf.constant(0)), bytes: v(tf.zeros([100], { dtype: 'uint8' })) };
  const optimizer = new tf.optimizers.Adam();
  const checkpoint = new tf.Checkpoint({ model, optimizer });
  await checkpoint.restore(tf.latestCheckpoint(folder) as string);
  const found = new Set<number>([checkpoint.step]);
  const all = [...Object.values(model), ...optimizer.variables];
  expect(all.length).toBe(6);
  for (const variable of all) for (const element of variable.dataSync()) found.add(element);
  expect([...found].length).toBe(1);
  return checkpoint.step;
}

const killedAt = (bytes: number): string => `
  let left = ${bytes};
  const write = handle.write;
  handle.write = async function (buffer, from, length) {
    if (length > left) { if (left > 0) await write.call(this, buffer, from, left); die(); }
    left -= length;
    return write.call(this, buffer, from, length);
  };`;

describe.runIf(linux)('a process that is killed while it saves', () => {
  // Of the length, the header, each tensor, the last ones.
  it('at any byte: the last checkpoint that was whole is loaded', async () => {
    await child(saving(at('none'), ''));
    expect(await latest(at('none'))).toBe(2);
    const { size } = statSync(join(at('none'), 'ckpt-2.safetensors'));
    const header = size - 4 * (3 * 9000 + 2) - 100;
    const places = [
      0,
      1,
      7,
      8,
      9,
      400,
      header - 1,
      header,
      header + 1,
      size / 3,
      size / 2,
      size - 105,
      size - 2,
      size - 1,
    ];
    for (let i = 0; i < places.length; i += 4) {
      await Promise.all(
        places.slice(i, i + 4).map(async (place) => {
          const bytes = Math.floor(place);
          const folder = at(`byte-${bytes}`);
          await expect(child(saving(folder, killedAt(bytes))), `${bytes}`).rejects.toThrow('ended with null');
          expect(await latest(folder), `${bytes}`).toBe(1);
          expect(readdirSync(folder).length).toBe(2); // what was written so far is there
        }),
      );
    }
  });

  it.each([
    ['before the file is flushed', 'handle.sync = async () => die();', 1],
    ['after it', 'const sync = handle.sync; handle.sync = async function () { await sync.call(this); die(); };', 1],
    ['before it is renamed', 'fs.renameSync = () => die();', 1],
    ['after it', 'const { renameSync } = fs; fs.renameSync = (a, b) => { renameSync(a, b); die(); };', 2],
    ['before an old one is removed', 'await checkpoint.save(FOLDER); set(3); fs.rmSync = () => die();', 3],
  ])('%s', async (_, accident, step) => {
    const folder = at(`moment-${step}-${accident.length}`);
    const code = saving(folder, accident.replace('FOLDER', JSON.stringify(folder)));
    await expect(child(code)).rejects.toThrow('ended with null');
    expect(await latest(folder)).toBe(step);
  });

  it('an error while writing leaves nothing behind, and the next call works', async () => {
    const accident = `
      const write = handle.write;
      handle.write = async () => { throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }); };
      const error = await checkpoint.save(${JSON.stringify(at('full'))}).catch((e) => e);
      handle.write = write;
      if (error.code !== 'ERR_FILE' || error.cause.code !== 'ENOSPC') throw error;
      if (fs.readdirSync(${JSON.stringify(at('full'))}).length !== 1) throw new Error('something is left');`;
    await child(saving(at('full'), accident));
    expect(await latest(at('full'))).toBe(2);
  });

  it('at random moments', async () => {
    const random = numbers(1);
    for (let run = 0; run < (thorough ? 40 : 6); run++) {
      const folder = at('random');
      mkdirSync(folder, { recursive: true });
      const source = `const tf = require('./dist/index.cjs'); const done = () => {};
        (async () => { ${saving(folder, `console.log('ready'); for (let k = 3; ; k++) { set(k); await checkpoint.save(${JSON.stringify(folder)}); }`)} })();`;
      const running = spawn(process.execPath, ['-e', source], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
      await new Promise((resolve) => running.stdout.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, 30 + 100 * random()));
      running.kill('SIGKILL');
      await new Promise((resolve) => running.once('exit', resolve));
      expect(await latest(folder)).toBeGreaterThan(0);
      rmSync(folder, { recursive: true });
    }
  });
});
