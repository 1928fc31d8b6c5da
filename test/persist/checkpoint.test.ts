// Checkpoints: what is saved and restored, by which names, and what does not fit.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../support/errors.js';
import { temporaryFolder } from './folder.js';

const at = temporaryFolder('checkpoint');
const v = (value: tf.TensorLike, options?: tf.VariableOptions): tf.Variable => new tf.Variable(value, options);
const model = (scale = 0) => ({ layers: [{ kernel: v([[scale, scale]]), bias: v([scale]) }], out: v(scale) });
type Model = ReturnType<typeof model>;
const all = (m: Model): tf.Variable[] => tf.trainableVariables(m);
const step = (m: Model, optimizer: tf.optimizers.Optimizer): tf.Tensor =>
  optimizer.minimize(() => tf.addN(all(m).map((x) => tf.reduceSum(tf.square(tf.sub(x, 1))))), all(m));
const values = (m: object): unknown => JSON.parse(JSON.stringify(m));
const codeOf = async (call: () => unknown): Promise<string | undefined> => (await rejectionOf(call)).code;

describe('save and restore', () => {
  it('variables, an optimizer that was not built yet, the step, the random stream', async () => {
    const [m, optimizer] = [model(3), new tf.optimizers.Adam({ learningRate: 0.1 })];
    for (let k = 0; k < 3; k++) step(m, optimizer);
    tf.random.setSeed(7);
    tf.random.normal([3]);
    const checkpoint = new tf.Checkpoint({ model: m, optimizer, step: 3 });
    const path = await checkpoint.save(at('plain'));
    expect(path).toBe(join(at('plain'), 'ckpt-1.safetensors'));
    const next = tf.random.normal([4]).dataSync();

    const [n, other] = [model(), new tf.optimizers.Adam({ learningRate: 0.1 })];
    const restored = tf.Checkpoint({ model: n, optimizer: other });
    expect(await restored.restore(path)).toBe(restored);
    expect([restored.step, other.iterations]).toEqual([3, 3]);
    expect(values(n)).toEqual(values(m));
    expect(values(other.variables)).toEqual(values(optimizer.variables));
    expect(other.variables.length).toBe(7);
    expect(tf.random.normal([4]).dataSync()).toEqual(next);
    step(m, optimizer);
    step(n, other);
    expect(values([n, other.variables])).toEqual(values([m, optimizer.variables]));
  });

  it('the names in the file', async () => {
    const m = model();
    const rate = v(0.5, { trainable: false });
    const sgd = new tf.optimizers.SGD({ learningRate: rate, momentum: 0.9, useEma: true });
    const stray = v([1, 2]);
    sgd.build([m.out, stray]);
    const path = await new tf.Checkpoint({ model: m, optimizer: sgd, epoch: v(2, { dtype: 'int32' }) }).save(
      at('names'),
      {
        metadata: { note: 'a run' },
      },
    );
    const { tensors, metadata } = await tf.safetensorsHeader(path);
    expect(Object.keys(tensors).sort()).toEqual([
      'epoch',
      'model.layers.0.bias',
      'model.layers.0.kernel',
      'model.out',
      'optimizer.iterations',
      'optimizer.learningRate',
      'optimizer.model.out.average',
      'optimizer.model.out.momentum',
      'optimizer.variables.0.average',
      'optimizer.variables.0.momentum',
    ]); // prettier-ignore
    expect(metadata['note']).toBe('a run');
    expect(metadata['gradtape.step']).toBe('0');
  });

  it('several optimizers, objects of a class, Maps, variables that are not trainable, shared ones', async () => {
    class Block {
      readonly w: tf.Variable;
      readonly moving = v([0], { trainable: false });
      constructor(value: number) {
        this.w = v([value]);
      }
    }
    const make = (value: number) => {
      const generator = new Block(value);
      const discriminator = new Map([['d', new Block(2 * value)]]);
      return {
        net: { generator, discriminator, again: generator },
        trainer: { g: new tf.optimizers.Adam(), d: [new tf.optimizers.SGD(0.1, { momentum: 0.5 })] },
      };
    };
    const a = make(3);
    a.net.generator.moving.assign([5]);
    a.trainer.g.minimize(() => tf.reduceSum(a.net.generator.w), [a.net.generator.w]);
    const d = (a.net.discriminator.get('d') as Block).w;
    a.trainer.d[0]?.minimize(() => tf.reduceSum(d), [d]);
    const path = await new tf.Checkpoint(a).save(at('several'));
    expect(Object.keys((await tf.safetensorsHeader(path)).tensors).sort()).toEqual([
      'net.discriminator.d.moving',
      'net.discriminator.d.w',
      'net.generator.moving',
      'net.generator.w',
      'trainer.d.0.iterations',
      'trainer.d.0.net.discriminator.d.w.momentum',
      'trainer.g.iterations',
      'trainer.g.net.generator.w.momentum',
      'trainer.g.net.generator.w.velocity',
    ]); // prettier-ignore
    const b = make(0);
    await new tf.Checkpoint(b).restore(path);
    expect([b.net.generator.w.arraySync(), b.net.generator.moving.arraySync()]).toEqual([
      a.net.generator.w.arraySync(),
      [5],
    ]);
    expect(b.trainer.d[0]?.variables[1]?.arraySync()).toEqual(a.trainer.d[0]?.variables[1]?.arraySync());
  });

  it('the state at the time of the call, whatever happens meanwhile', async () => {
    const m = model(1);
    const checkpoint = new tf.Checkpoint({ model: m, step: 1 });
    m.out.assign(tf.add(m.out, 4)); // pending
    const saved = checkpoint.save(at('snapshot'));
    m.out.assign(9);
    checkpoint.step = 2;
    await saved;
    await checkpoint.restore(await saved);
    expect([m.out.item(), checkpoint.step]).toEqual([5, 1]);
  });

  it('the same while rows are written in place, piece by piece', async () => {
    const table = v(tf.ones([2 ** 20, 8])); // 32 MB
    const sgd = new tf.optimizers.SGD(0.5);
    const rows = tf.range(0, 2 ** 20, 2 ** 12, { dtype: 'int32' });
    const change = (): void => {
      sgd.minimize(() => tf.reduceSum(tf.gather(table, rows)), [table]);
      tf.evaluate(table);
    };
    change();
    const checkpoint = new tf.Checkpoint({ table: [table] });
    let done = false;
    const saved = checkpoint.save(at('rows')).finally(() => {
      done = true;
    });
    const written = (): number =>
      existsSync(at('rows'))
        ? Math.max(0, ...readdirSync(at('rows')).map((name) => statSync(join(at('rows'), name)).size))
        : 0;
    let changes = 0;
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      if (written() === 0) continue;
      change();
      changes++;
    }
    expect(changes).toBeGreaterThan(3);
    await checkpoint.restore(await saved);
    expect(tf.reduceMax(table).item()).toBe(1);
    expect(new Set(tf.gather(table, rows).dataSync())).toEqual(new Set([0.5]));
  });

  it('calls that overlap are done one after another, each in a file of its own', async () => {
    const m = model();
    const checkpoint = new tf.Checkpoint({ model: m, maxToKeep: 3 });
    const other = new tf.Checkpoint({ model: m });
    const paths: Promise<string>[] = [];
    for (let k = 0; k < 5; k++) {
      m.out.assign(k);
      paths.push(checkpoint.save(at('overlap')), other.save(at('overlap2')), other.save(at('overlap2')));
    }
    await Promise.all(paths);
    expect(readdirSync(at('overlap')).sort()).toEqual([
      'ckpt-3.safetensors',
      'ckpt-4.safetensors',
      'ckpt-5.safetensors',
    ]);
    expect(new Set(await Promise.all(paths)).size).toBe(15);
    await checkpoint.restore(at('overlap'));
    expect(m.out.item()).toBe(4);
  });

  it('two checkpoints that save into one folder at once do not replace each other', async () => {
    const some = Array.from({ length: 6 }, () => new tf.Checkpoint({ model: model() }));
    const paths = await Promise.all(some.map((one) => one.save(at('shared'))));
    expect(new Set(paths).size).toBe(6);
    expect(readdirSync(at('shared')).length).toBe(6);
  });

  it('a path of a file is that file; URLs; what it replaces', async () => {
    const m = model(1);
    const checkpoint = new tf.Checkpoint({ model: m });
    const file = at('best.safetensors');
    expect(await checkpoint.save(pathToFileURL(file))).toBe(file);
    m.out.assign(2);
    await checkpoint.save(file, { maxToKeep: 1 });
    m.out.assign(3);
    await checkpoint.restore(pathToFileURL(file));
    expect(m.out.item()).toBe(2);
  });

  it('a step that is a variable; a step of numbers', async () => {
    const count = v(4, { dtype: 'int32', trainable: false });
    const checkpoint = new tf.Checkpoint({ model: model(), step: count });
    const path = await checkpoint.save(at('step'));
    checkpoint.step = 9;
    expect(count.item()).toBe(9);
    await checkpoint.restore(path);
    expect([count.item(), checkpoint.step]).toEqual([4, 4]);
    const plain = new tf.Checkpoint({ model: model() });
    expect(plain.step).toBe(0);
    await plain.restore(path);
    expect(plain.step).toBe(4);
  });

  it('variables whose values cannot be computed are replaced all the same', async () => {
    const m = { a: v([[1]]), b: v([[1]]), c: v([[1]]) };
    const checkpoint = new tf.Checkpoint({ model: m });
    const path = await checkpoint.save(at('broken'));
    m.a.assign([[2]]);
    m.b.assign(tf.linalg.cholesky([[-1]]));
    m.c.assign(tf.add(m.c, 1));
    await checkpoint.restore(path);
    expect(values(m)).toEqual({ a: [[1]], b: [[1]], c: [[1]] });
  });

  it('a part alone is restored from a file with more; nothing else of it is read', async () => {
    const [m, optimizer] = [model(2), new tf.optimizers.Adam()];
    step(m, optimizer);
    const path = await new tf.Checkpoint({ model: m, optimizer }).save(at('alone'));
    const n = model();
    await new tf.Checkpoint({ model: n }).restore(path);
    expect(values(n)).toEqual(values(m));
  });

  it('a model that is built after its checkpoint was made', async () => {
    const lazy: { w?: tf.Variable } = {};
    const checkpoint = new tf.Checkpoint({ model: lazy });
    expect(await codeOf(() => checkpoint.save(at('lazy')))).toBe('ERR_NOT_A_TENSOR');
    lazy.w = v([1]);
    await checkpoint.save(at('lazy'));
    await checkpoint.restore(at('lazy'));
  });
});

describe('a file from before the first step', () => {
  it('takes the slots away that were made since', async () => {
    const [m, optimizer] = [model(3), new tf.optimizers.Adam({ learningRate: 0.1 })];
    const checkpoint = new tf.Checkpoint({ model: m, optimizer });
    const path = await checkpoint.save(at('rewound'));
    step(m, optimizer);
    const once = values(m);
    step(m, optimizer);
    await checkpoint.restore(path);
    expect([optimizer.iterations, optimizer.variables.length]).toEqual([0, 1]);
    step(m, optimizer);
    expect(values(m)).toEqual(once);
  });

  it('of another variable, too', async () => {
    const [a, b] = [v([1]), v([1])];
    const adam = new tf.optimizers.Adam();
    const checkpoint = new tf.Checkpoint({ model: { a, b }, optimizer: adam });
    adam.minimize(() => tf.reduceSum(a), [a]);
    const path = await checkpoint.save(at('staged'));
    adam.minimize(() => tf.reduceSum(b), [b]);
    await checkpoint.restore(path);
    expect(adam.variables.map(({ name }) => name.replace(/.*[/]/, ''))).toEqual(['iterations', 'momentum', 'velocity']);
    expect(b.item()).toBe(1);
  });
});

it('a restoring waits for what is being saved', async () => {
  const x = v(1);
  const checkpoint = new tf.Checkpoint({ x });
  await checkpoint.save(at('queue'));
  x.assign(2);
  const saving = checkpoint.save(at('queue'));
  await Promise.all([saving, checkpoint.restore(at('queue'))]);
  expect(x.item()).toBe(2);
});

it('a folder with the name of a checkpoint is none', async () => {
  mkdirSync(join(at('folders'), 'ckpt-7.safetensors'), { recursive: true });
  const path = await new tf.Checkpoint({ x: v(1) }).save(at('folders'), { maxToKeep: 1 });
  expect(path).toBe(join(at('folders'), 'ckpt-8.safetensors'));
  expect(tf.latestCheckpoint(at('folders'))).toBe(path);
});

describe('what does not fit', () => {
  it('an optimizer with other slots', async () => {
    const m = model(3);
    const sgd = new tf.optimizers.SGD();
    step(m, sgd);
    const path = await new tf.Checkpoint({ model: m, optimizer: sgd }).save(at('slots'));
    const other = new tf.Checkpoint({ model: m, optimizer: new tf.optimizers.SGD({ momentum: 0.9 }) });
    expect((await rejectionOf(() => other.restore(path))).message).toContain(
      '"optimizer" is SGD (momentum), in the file SGD',
    );
  });

  it('an optimizer of another class, even with slots of the same names', async () => {
    const [m, adam] = [model(3), new tf.optimizers.Adam()];
    step(m, adam);
    const path = await new tf.Checkpoint({ model: m, optimizer: adam }).save(at('classes'));
    const other = { model: model(), optimizer: new tf.optimizers.Nadam() };
    const error = await rejectionOf(() => new tf.Checkpoint(other).restore(path));
    expect(error).toMatchObject({ code: 'ERR_CHECKPOINT' });
    expect(error.message).toContain('"optimizer" is Nadam (momentum, velocity), in the file Adam (momentum, velocity)');
    expect(values(other.model)).toEqual(values(model()));
    await new tf.Checkpoint({ ...other, optimizer: new tf.optimizers.Adam() }).restore(path);
    expect(values(other.model)).toEqual(values(m));
  });

  it('a line for every difference, and nothing changes', async () => {
    const saved = { a: v([1, 2]), b: v(1), c: v([[1]]), gone: v(1) };
    const adam = new tf.optimizers.Adam();
    adam.build([saved.a, saved.b]);
    const path = await new tf.Checkpoint({ model: saved, optimizer: adam, step: 5 }).save(at('unfit'));

    const other = { a: v([1, 2, 3]), b: v(1, { dtype: 'float64' }), c: v([[7]]), fresh: v(2) };
    const amsgrad = new tf.optimizers.Adam({ amsgrad: true });
    const before = values(other);
    const state = tf.random.getState();
    const checkpoint = new tf.Checkpoint({ model: other, optimizer: amsgrad });
    const error = await rejectionOf(() => checkpoint.restore(path));
    expect(error.code).toBe('ERR_CHECKPOINT');
    expect(
      error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim())
        .sort(),
    ).toEqual([
      '"model.a" has shape [3], in the file [2]',
      '"model.b" has dtype float64 (F64), in the file F32',
      '"model.fresh" is not in the file',
      '"model.gone" is in the file alone',
      '"optimizer" is Adam (momentum, velocity, velocityHat), in the file Adam (momentum, velocity)',
      '"optimizer.model.a.momentum" has shape [3], in the file [2]',
      '"optimizer.model.a.velocity" has shape [3], in the file [2]',
      '"optimizer.model.a.velocityHat" is not in the file',
      '"optimizer.model.b.momentum" has dtype float64 (F64), in the file F32',
      '"optimizer.model.b.velocity" has dtype float64 (F64), in the file F32',
      '"optimizer.model.b.velocityHat" is not in the file',
    ]); // prettier-ignore
    expect(error.message).toContain('ckpt-1.safetensors');
    expect(values(other)).toEqual(before);
    expect([checkpoint.step, amsgrad.variables.length]).toEqual([0, 1]);
    expect(tf.random.getState()).toEqual(state);
  });

  it('another optimizer; one that trains more', async () => {
    const m = model();
    const momentum = new tf.optimizers.SGD(0.1, { momentum: 0.9 });
    momentum.build(m.out);
    const path = await new tf.Checkpoint({ model: m, optimizer: momentum }).save(at('kinds'));
    const plain = await rejectionOf(() =>
      new tf.Checkpoint({ model: m, optimizer: new tf.optimizers.SGD() }).restore(path),
    );
    expect(plain.message).toContain('"optimizer.model.out.momentum" is in the file alone');
    const more = new tf.optimizers.SGD(0.1, { momentum: 0.9 });
    more.build(m);
    await new tf.Checkpoint({ model: m, optimizer: more }).restore(path);
    expect(more.variables.length).toBe(2); // as when the file was saved
  });

  it('a damaged file changes nothing', async () => {
    const m = { mask: v([true, false]), out: v(1) };
    const path = await new tf.Checkpoint({ model: m }).save(at('damaged'));
    m.out.assign(2);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 7; // of the mask
    writeFileSync(at('damaged.safetensors'), bytes);
    expect(await codeOf(() => new tf.Checkpoint({ model: m }).restore(at('damaged.safetensors')))).toBe('ERR_FORMAT');
    const text = bytes.toString('latin1');
    for (const [from, to] of [
      ['\\"key\\"', '\\"kex\\"'],
      ['gradtape.step":"0"', 'gradtape.step":"x"'],
      ['gradtape.step":"0"', 'gradtape.step":"[]"'],
    ] as const) {
      const length = Buffer.byteLength(text);
      const changed = Buffer.from(text.replace(from, to).slice(0, length), 'latin1');
      changed[changed.length - 1] = 0;
      writeFileSync(at('damaged.safetensors'), changed);
      expect(await codeOf(() => new tf.Checkpoint({ model: m }).restore(at('damaged.safetensors'))), to).toBe(
        'ERR_FORMAT',
      );
    }
    expect(m.out.item()).toBe(2);
  });

  it.each([
    [
      'a file of saveSafetensors',
      () => tf.saveSafetensors(at('no.safetensors'), { 'model.w': 1 }).then(() => at('no.safetensors')),
      'ERR_CHECKPOINT',
    ],
    ['no file', () => at('nothing.safetensors'), 'ERR_FILE'],
    [
      'a folder without one',
      () => {
        mkdirSync(at('empty'), { recursive: true });
        return at('empty');
      },
      'ERR_FILE',
    ],
    ['null', () => null, 'ERR_VALUE'],
  ] as [string, () => unknown, string][])('%s', async (_, make, code) => {
    const checkpoint = new tf.Checkpoint({ model: { w: v(1) } });
    const path = await make();
    expect(await codeOf(() => checkpoint.restore(path as string))).toBe(code);
  }); // prettier-ignore

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['an array', [v(1)]],
    ['no part', {}],
    ['a step alone', { step: 3 }],
    ['a number', { model: v(1), epoch: 3 }],
    ['text', { model: 'x' }],
    ['an undefined part', { model: undefined }],
    ['a dot in a name', { 'a.b': v(1) }],
    ['no name', { '': v(1) }],
    ['a step that is no number', { model: v(1), step: Number.NaN }],
    ['maxToKeep 0', { model: v(1), maxToKeep: 0 }],
  ])('a checkpoint of %s is refused', async (_, parts) => {
    expect(await codeOf(() => new tf.Checkpoint(parts as never))).toBe('ERR_OPTION');
    expect(await codeOf(() => tf.Checkpoint(parts as never))).toBe('ERR_OPTION');
  }); // prettier-ignore

  it('a step of several elements; options', async () => {
    expect(await codeOf(() => new tf.Checkpoint({ model: v(1), step: v([1, 2]) }))).toBe('ERR_VALUE');
    const checkpoint = new tf.Checkpoint({ model: v(1) });
    for (const options of [{ maxTokeep: 1 }, { maxToKeep: 1.5 }, { metadata: { 'gradtape.x': '' } }, null]) {
      expect(await codeOf(() => checkpoint.save(at('x'), options as never))).toBe('ERR_OPTION');
    }
    expect(() => {
      checkpoint.step = '3' as never;
    }).toThrow(tf.ValueError); // prettier-ignore
    expect(await codeOf(() => checkpoint.save.call({} as never, at('x')))).toBe('ERR_RECEIVER');
  });

  it('with new and without it is the same class, and can be extended', () => {
    expect(tf.Checkpoint({ model: v(1) })).toBeInstanceOf(tf.Checkpoint);
    class Mine extends tf.Checkpoint {
      readonly mine = true;
    }
    const one = new Mine({ model: v(1) });
    expect([one.mine, one instanceof tf.Checkpoint, one.step, tf.Checkpoint.name]).toEqual([
      true,
      true,
      0,
      'Checkpoint',
    ]);
    expect(one.constructor).toBe(Mine);
  });
});

describe('folders', () => {
  it('maxToKeep: of the constructor, of the call; the numbers go on', async () => {
    const m = model();
    const checkpoint = new tf.Checkpoint({ model: m, maxToKeep: 2 });
    for (let k = 0; k < 4; k++) await checkpoint.save(at('keep'));
    expect(readdirSync(at('keep')).sort()).toEqual(['ckpt-3.safetensors', 'ckpt-4.safetensors']);
    writeFileSync(join(at('keep'), 'notes.txt'), 'mine');
    await checkpoint.save(at('keep'), { maxToKeep: 1 });
    expect(readdirSync(at('keep')).sort()).toEqual(['ckpt-5.safetensors', 'notes.txt']);
    for (let k = 0; k < 6; k++) await new tf.Checkpoint({ model: m }).save(at('keep'));
    expect(tf.latestCheckpoint(at('keep'))).toBe(join(at('keep'), 'ckpt-11.safetensors')); // not by the alphabet
    expect(readdirSync(at('keep')).length).toBe(8);
  });

  it('latestCheckpoint: null without one; files that are not whole do not count', async () => {
    expect(tf.latestCheckpoint(at('no such folder'))).toBeNull();
    const m = model(1);
    const checkpoint = new tf.Checkpoint({ model: m });
    await checkpoint.save(at('cut'));
    expect(tf.latestCheckpoint(pathToFileURL(at('cut')))).toBe(join(at('cut'), 'ckpt-1.safetensors'));
    const whole = readFileSync(join(at('cut'), 'ckpt-1.safetensors'));
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(join(at('cut'), 'ckpt-2.safetensors'), whole.subarray(0, length));
      expect(tf.latestCheckpoint(at('cut')), `${length}`).toBe(join(at('cut'), 'ckpt-1.safetensors'));
    }
    await checkpoint.restore(at('cut'));
    await expect(checkpoint.save(at('cut'))).resolves.toBe(join(at('cut'), 'ckpt-3.safetensors'));
    expect(await codeOf(() => tf.latestCheckpoint(join(at('cut'), 'ckpt-3.safetensors')))).toBe('ERR_FILE');
  });

  it('what a process that was killed has left is removed, once it is old and the process is gone', async () => {
    mkdirSync(at('left'));
    const old = new Date(Date.now() - 3_600_000);
    const put = (name: string, time: Date): string => {
      writeFileSync(join(at('left'), name), 'part');
      utimesSync(join(at('left'), name), time, time);
      return join(at('left'), name);
    };
    const gone = put('.ckpt.4194305-abc.tmp', old); // above the largest process number
    const young = put('.ckpt.4194305-abd.tmp', new Date());
    const alive = put(`.ckpt.${process.pid}-abc.tmp`, old);
    const foreign = put('.notes.4194305-abc.tmp', old);
    await new tf.Checkpoint({ model: model() }).save(at('left'));
    expect([gone, young, alive, foreign].map((path) => existsSync(path))).toEqual([false, true, true, true]);
  });
});
