// config.trackOrigin: errors, checkNumerics and explain name the user's file, line and column, also through source maps.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from 'gradtape';
import ts from 'typescript';
import { beforeEach, describe, expect, it } from 'vitest';
import { jsonOf, plain, runChild } from '../support/child.js';
import { errorOf } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';
import { pending } from '../support/tensors.js';

restoreSettings();
beforeEach(() => {
  tf.config.trackOrigin = true;
});

/** The place of the caller, `line` lines above. */
function above(lines: number): string {
  const line = /origin\.test\.ts:(\d+):\d+/.exec(String(new Error().stack?.split('\n')[2]))?.[1];
  return `origin.test.ts:${Number(line) - lines}:`;
}

describe('the place of the call', () => {
  it('in an error that shows late', () => {
    const late = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    const at = above(1);
    const { message } = errorOf(() => late.dataSync());
    expect(message).toContain(at);
    expect(message).toMatch(/gather \(at \S+origin\.test\.ts:\d+:\d+\)/);
  });

  it('in the error of a method, of a nested function and of an expression', () => {
    const bad = pending(tf.constant([9], { dtype: 'int32' }));
    const make = (): tf.Tensor => tf.constant([1, 2]).gather(bad);
    const at = above(1);
    expect(errorOf(() => make().dataSync()).message).toContain(at);
  });

  it('in an error that shows at once, behind the name of the function', () => {
    const { message } = errorOf(() => tf.constant([1, 2]).reshape([3]));
    expect(message).toContain(above(1));
    expect(message).toMatch(/^reshape \(at \S+origin\.test\.ts:\d+:\d+\): 2 elements/);
    const tape = new tf.GradientTape();
    expect(errorOf(() => tape.gradient(tf.constant(1), [])).message).toContain(above(0));
    expect(errorOf(() => tf.expr`1 +`).message).toMatch(/^expr \(at \S+origin\.test\.ts:\d+:\d+\): .*\n +1 \+\n/);
  });

  it('once, where the error shows late or checkNumerics tells it', () => {
    const late = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    const places = (text: string): number => text.match(/origin\.test\.ts:\d+:\d+/g)?.length ?? 0;
    expect(places(errorOf(() => late.dataSync()).message)).toBe(1);
    tf.config.checkNumerics = true;
    expect(places(errorOf(() => tf.log([0])).message)).toBe(1);
  });

  it('in what explain says', () => {
    const x = tf.constant([1, 2]);
    const tape = new tf.GradientTape();
    const y = tape.record(() => {
      tape.watch(x);
      return x.mul(2).floor();
    });
    const at = above(2);
    tape.gradient(y, x);
    const answer = tape.explain(y, x);
    expect(answer.at).toContain(at);
    expect(answer.message).toContain(at);
  });

  it('is not kept once the setting is off', () => {
    tf.config.trackOrigin = false;
    expect(errorOf(() => tf.constant([1, 2]).reshape([3])).message).toMatch(/^reshape: /);
    const late = tf.gather([1, 2], pending(tf.constant([0, 7], { dtype: 'int32' })));
    expect(errorOf(() => late.dataSync()).message).not.toContain('origin.test.ts');
  });
});

it.runIf(plain)('in TypeScript that was compiled, with node --enable-source-maps', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-origin-'));
  try {
    const source = `
interface Model { readonly weight: any }

export function broken(tf: any): any {
  const model: Model = { weight: new tf.Variable([1.5, 2.5]) };
  const tape = new tf.GradientTape();
  const y = tape.record(() =>
    model.weight
      .floor(),
  );
  tape.gradient(y, model.weight);
  return tape.explain(y, model.weight);
}
`;
    const { outputText } = ts.transpileModule(source, {
      fileName: join(folder, 'model.ts'),
      compilerOptions: {
        module: ts.ModuleKind.CommonJS,
        target: ts.ScriptTarget.ES2022,
        inlineSourceMap: true,
        inlineSources: true,
      },
    });
    writeFileSync(join(folder, 'model.js'), outputText);
    const run = (flags: string[]): Promise<tf.Explanation> =>
      runChild(
        `done(require(${JSON.stringify(join(folder, 'model.js'))}).broken(tf));`,
        { GRADTAPE_TRACK_ORIGIN: '1' },
        flags,
      ).then((outcome) => jsonOf<tf.Explanation>(outcome));
    expect(await run(['--enable-source-maps'])).toMatchObject({ code: 'BROKE_AT', op: 'floor' });
    expect((await run(['--enable-source-maps'])).at).toMatch(/model\.ts:9:8$/);
    expect((await run([])).at).toMatch(/model\.js:\d+:\d+$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
