// Settings: tf.config, the environment at load, and what evaluate() and memory() take and tell.
import { inspect } from 'node:util';
import * as tf from 'gradtape';
import { afterEach, describe, expect, it } from 'vitest';
import { jsonOf, plain, runChild } from '../support/child.js';
import { errorOf, expectError } from '../support/errors.js';
import { pending } from '../support/tensors.js';

describe('settings', () => {
  const before = { ...tf.config };
  afterEach(() => {
    Object.assign(tf.config, before);
  });

  it('can be read and set; a wrong value is refused and changes nothing', () => {
    tf.config.threads = 1;
    expect(tf.config.threads).toBe(1);
    for (const threads of [0, -1, 1.5, Number.NaN, '2', null]) {
      expectError(() => (tf.config.threads = threads as number), tf.ValueError, 'ERR_OPTION');
    }
    expect(tf.config.threads).toBe(1);
    for (const threads of [0, 1025, 2.5, '3', null]) {
      const { message } = expectError(() => (tf.config.asyncThreads = threads as number), tf.ValueError, 'ERR_OPTION');
      expect(message).toContain('config.asyncThreads');
    }
    tf.config.asyncThreads = 2;
    expect([tf.config.asyncThreads, tf.config.threads]).toEqual([2, 1]);
    const isa = tf.config.isa;
    expect(expectError(() => (tf.config.isa = 'mmx'), tf.GradtapeError, 'ERR_ISA').message).toContain(isa);
    expect(tf.config.isa).toBe(isa);
    for (const name of ['eager', 'checkNumerics', 'trackOrigin', 'explain'] as const) {
      tf.config[name] = true;
      expect(tf.config[name]).toBe(true);
      expectError(() => (tf.config[name] = 1 as never), tf.ValueError, 'ERR_OPTION');
      tf.config[name] = false;
    }
    expect(tf.config.deterministic).toBe(true);
    expectError(() => (tf.config.deterministic = false), tf.ValueError, 'ERR_OPTION');
  });

  it('one that is not there is an error with the nearest name', () => {
    const config = tf.config as unknown as Record<string | symbol, unknown>;
    const cases: [string, string][] = [
      ['thread', 'did you mean threads?'],
      ['Threads', 'did you mean threads?'],
      ['check_numerics', 'did you mean checkNumerics?'],
      [
        'xyz',
        'there are threads, asyncThreads, isa, eager, checkNumerics, trackOrigin, jacobianBytes, explain, deterministic',
      ],
    ];
    for (const [name, hint] of cases) {
      const error = expectError(() => (config[name] = 1), tf.ValueError, 'ERR_OPTION');
      expect(error.message).toBe(`config: there is no setting ${name}; ${hint}`);
      expect(config[name]).toBeUndefined();
    }
    expectError(() => (config[Symbol('s')] = 1), tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.assign(tf.config, { eager: false, thread: 1 }), tf.ValueError, 'ERR_OPTION');
    expectError(() => (Object.create(tf.config).thread = 1), tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.defineProperty(tf.config, 'eager', { value: 1 }), tf.ValueError, 'ERR_OPTION');
    expectError(() => delete config['eager'], tf.ValueError, 'ERR_OPTION');
    expectError(() => Object.freeze(tf.config), tf.ValueError, 'ERR_OPTION');
    expect(Object.keys(tf.config)).toEqual([
      'threads',
      'asyncThreads',
      'isa',
      'eager',
      'checkNumerics',
      'trackOrigin',
      'jacobianBytes',
      'explain',
      'deterministic',
    ]);
  });

  it('whatever a setting is set to, an error has a code and nothing is changed', () => {
    const was = { ...tf.config };
    const things = [
      undefined,
      null,
      Number.NaN,
      1.5,
      -1,
      1e10,
      Infinity,
      'x',
      '',
      {},
      [],
      Symbol('s'),
      1n,
      () => 1,
      tf.ones([1]),
    ];
    for (const name of Object.keys(was) as (keyof tf.Config)[]) {
      for (const thing of things) {
        const code = name === 'isa' && typeof thing === 'string' ? 'ERR_ISA' : 'ERR_OPTION';
        expectError(() => (tf.config[name] = thing as never), tf.GradtapeError, code);
      }
    }
    expect({ ...tf.config }).toEqual(was);
  });

  it('prints its values', () => {
    expect(inspect(tf.config)).toContain('trackOrigin: false');
  });

  it('deviceInfo', () => {
    const info = tf.deviceInfo();
    expect(info.isas).toContain(info.isa);
    expect(info.isas.length).toBeGreaterThan(0);
    expect(info.cores).toBeGreaterThan(0);
    expect(info.threads).toBe(tf.config.threads);
    expect(info.platform).toBe(`${process.platform}-${process.arch}`);
  });

  it('checkNumerics names the op that made the first NaN or infinity', () => {
    tf.config.checkNumerics = true;
    const error = expectError(() => tf.log(tf.sub(tf.constant([1, 2]), 2)), tf.GradtapeError, 'ERR_NUMERICS');
    expect(error.message).toContain('log');
    expect(tf.log([1, 2]).dtype).toBe('float32');
  });

  it('trackOrigin gives late errors the line of the call', () => {
    tf.config.trackOrigin = true;
    const late = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    expect(errorOf(() => late.dataSync()).message).toContain('settings.test.ts');
  });

  it('eager throws at the call', () => {
    const index = pending(tf.constant([0, 7], { dtype: 'int32' }));
    tf.config.eager = true;
    expectError(() => tf.gather([1, 2], index), tf.ValueError, 'ERR_INDEX');
  });
});

describe('evaluate', () => {
  it('computes tensors and variables in arrays and objects', async () => {
    const a = tf.add([1, 2], 1);
    const v = new tf.Variable(1);
    v.assignAdd(1);
    const plans = tf.memory().plans;
    tf.evaluate(a, [{ v }, null], [tf.mul(a, 2)]);
    expect(tf.memory().plans).toBe(plans + 1);
    expect(a.arraySync()).toEqual([2, 3]);
    await tf.evaluateAsync({ b: tf.mul(a, 3) }, v);
    expect(v.value().item()).toBe(2);
    tf.evaluate();
    expectError(() => tf.evaluate('x'), tf.GradtapeError, 'ERR_NOT_A_TENSOR');
  });
});

describe('memory()', () => {
  // In a process of its own: here the collector may take what other tests left.
  it.runIf(plain)('counts buffers and their payload', async () => {
    const counted = await runChild(`
      gc();
      const states = [tf.memory()];
      const kept = tf.constant(new Float32Array(1000));
      states.push(tf.memory());
      const computed = tf.add(kept, 1);
      states.push(tf.memory()); // nothing is computed yet
      computed.dataSync();
      states.push(tf.memory());
      const [{ bytes, tensors }] = states;
      done([kept.size, ...states.map((m) => [m.bytes - bytes, m.tensors - tensors, m.peakBytes >= m.bytes])]);`);
    expect(jsonOf(counted)).toEqual([1000, [0, 0, true], [4000, 1, true], [4000, 1, true], [8000, 2, true]]);
  });
});

describe.runIf(plain)('settings of the environment, read at load', () => {
  it.each(tf.deviceInfo().isas)('GRADTAPE_ISA=%s', async (isa) => {
    const value = jsonOf(await runChild('done([tf.config.isa, tf.exp(1).item()])', { GRADTAPE_ISA: isa }));
    expect(value).toEqual([isa, Math.fround(Math.E)]);
  });

  it('GRADTAPE_ISA that is not there fails the load and lists what is', async () => {
    const { code, stderr } = await runChild('', { GRADTAPE_ISA: 'mmx' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('ERR_ISA');
    for (const isa of tf.deviceInfo().isas) expect(stderr).toContain(isa);
  });

  it('GRADTAPE_THREADS, GRADTAPE_EAGER', async () => {
    const env = { GRADTAPE_THREADS: '1', GRADTAPE_EAGER: '1', GRADTAPE_CHECK_NUMERICS: '0' };
    expect(jsonOf(await runChild('done([tf.config.threads, tf.config.eager, tf.config.checkNumerics])', env))).toEqual([
      1,
      true,
      false,
    ]);
    expect(jsonOf(await runChild('done(tf.config.asyncThreads)', { GRADTAPE_ASYNC_THREADS: '7' }))).toBe(7);
    expect(jsonOf(await runChild('done(tf.config.asyncThreads - tf.deviceInfo().cores)'))).toBe(1);
    const bad = await runChild('', { GRADTAPE_THREADS: 'many' });
    expect(bad.code).not.toBe(0);
    expect(bad.stderr).toContain('GRADTAPE_THREADS');
    expect((await runChild('', { GRADTAPE_EAGER: 'perhaps' })).stderr).toContain('ERR_OPTION');
  });

  it('values that are none fail the load; a name that is nearly one is warned of', async () => {
    for (const [name, value] of [
      ['GRADTAPE_THREADS', '0x2'],
      ['GRADTAPE_THREADS', '1.5'],
      ['GRADTAPE_THREADS', '0'],
      ['GRADTAPE_THREADS', ' '],
      ['GRADTAPE_ASYNC_THREADS', '0'],
      ['GRADTAPE_CHECK_NUMERICS', 'TRUE'],
      ['GRADTAPE_TRACK_ORIGIN', '2'],
      ['GRADTAPE_DETERMINISTIC', '0'],
    ] as const) {
      const { code, stderr } = await runChild('', { [name]: value });
      expect([name, value, code === 0]).toEqual([name, value, false]);
      expect(stderr).toContain('ERR_OPTION');
      expect(stderr).toContain(name);
    }
    const near = await runChild('done(tf.config.deterministic)', { GRADTAPE_THREAD: '1', GRADTAPE_DETERMINISTIC: '1' });
    expect(jsonOf(near)).toBe(true);
    expect(near.stderr).toContain('did you mean GRADTAPE_THREADS?');
  });

  it('GRADTAPE_ADDON names no file', async () => {
    const { code, stderr } = await runChild('', { GRADTAPE_ADDON: '/nowhere/gradtape.node' });
    expect(code).not.toBe(0);
    expect(stderr).toContain('ERR_ADDON');
    expect(stderr).toContain('/nowhere/gradtape.node');
  });
});
