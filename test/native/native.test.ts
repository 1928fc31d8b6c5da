// Runs the plain native test binaries that the developers' build made, and looks at the objects of the ISA units.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isas } from '../../lib/engine/addon.js';
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

  test.each(objects)(
    '$isa: needs the C library to copy and fill memory, and for nothing that is a result',
    ({ path }) => {
      const lines = execFileSync('nm', ['-u', path], { encoding: 'utf8' }).trim().split('\n');
      const needed = lines.map((line) => line.trim().replace(/^U /, ''));
      expect(needed.filter((name) => !/^(memcpy|memmove|memset|_GLOBAL_OFFSET_TABLE_)$/.test(name))).toEqual([]);
    },
  );
});

describe.runIf(plain && process.platform === 'linux')('the addon', () => {
  test('has the units that the flags of the processor imply, best first', () => {
    const info = readFileSync('/proc/cpuinfo', 'utf8');
    const flags = new Set(/^flags\s*:(.*)$/m.exec(info)?.[1]?.trim().split(' '));
    const avx2 = ['ssse3', 'sse4_1', 'sse4_2', 'popcnt', 'avx', 'fma', 'avx2'];
    const needs = { avx512: [...avx2, 'f16c', 'avx512f', 'avx512dq', 'avx512bw', 'avx512vl'], avx2, sse2: ['sse2'] };
    const able = Object.entries(needs).flatMap(([isa, all]) => (all.every((flag) => flags.has(flag)) ? [isa] : []));
    expect(isas).toEqual(process.arch === 'arm64' ? ['neon'] : able);
  });

  test('shows the loader two names of Node-API, and no other', () => {
    const symbols = execFileSync('nm', ['-D', '--defined-only', join(build, 'Release', 'gradtape.node')], {
      encoding: 'utf8',
    });
    const names = symbols
      .trim()
      .split('\n')
      .map((line) => line.split(' ').pop());
    expect(names.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
  });
});
