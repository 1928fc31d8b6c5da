// Runs the plain native test binaries that the developers' build made, and looks at the objects of the ISA units.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { plain } from '../support/child.js';
import { root } from '../support/files.js';

const build = join(root, 'build');

// The sanitized run has its own binaries, which .ci/run calls; these would be the plain ones once more.
describe.runIf(plain)('native test binaries', () => {
  const names = readdirSync(join(root, 'native', 'test'))
    .filter((name) => name.endsWith('-test.cc'))
    .map((name) => name.slice(0, -'.cc'.length));
  test.each(names)(
    '%s',
    (name) => {
      const corpus = join(root, 'native', 'corpus', name.replace('-test', '-fuzz'));
      const seeds = existsSync(corpus) ? readdirSync(corpus).map((file) => join(corpus, file)) : [];
      const { status, stdout, stderr } = spawnSync(join(build, name), seeds, { encoding: 'utf8' });
      expect(status, `${stdout.slice(-4000)}${stderr.slice(-4000)}`).toBe(0);
    },
    300_000,
  );
});

describe.runIf(plain && process.platform === 'linux')('objects of the ISA units', () => {
  const objects = existsSync(join(build, 'CMakeFiles'))
    ? readdirSync(join(build, 'CMakeFiles'))
        .filter((name) => /^kernels_\w+\.dir$/.test(name))
        .map((name) => ({
          isa: name.slice('kernels_'.length, -'.dir'.length),
          path: join(build, 'CMakeFiles', name, 'native', 'kernels', 'kernels.cc.o'),
        }))
    : [];

  test('were built', () => {
    expect(objects.length).toBeGreaterThan(0);
  });

  test.each(objects)('$isa: no weak symbol outside its namespace, no dynamic initialiser', ({ isa, path }) => {
    const symbols = execFileSync('nm', ['-C', path], { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n');
    // The linker keeps one copy of a weak symbol for everyone: it could be the copy for a newer CPU.
    const weak = symbols.filter((line) => /^[0-9a-f]* *[WVu] /.test(line) && !line.includes(`::${isa}::`));
    expect(weak).toEqual([]);
    expect(symbols.filter((line) => line.includes('_GLOBAL__sub_I'))).toEqual([]);
    const sections = execFileSync('readelf', ['-SW', path], { encoding: 'utf8' });
    expect(sections).not.toMatch(/\.(init_array|ctors)\b/);
  });
});
