// The floors of the house that are rules about the source text: who may include or load what, one manifest, file sizes.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, read, root } from '../support/files.js';

const MAX_LINES = 700;

// Which of these files contain the pattern, as "file:line: text".
function linesWith(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

interface Manifest {
  common_sources: string[];
  common_flags: string[];
  isa_flags: string[];
  isas_x64: string[];
  isas_arm64: string[];
  [key: `isa_flags_${string}`]: string[];
}

const libFiles = filesBelow('lib', /\.ts$/);
const nativeFiles = filesBelow('native', /\.(cc|h|def)$/);
const manifest = (JSON.parse(read('native/sources.gypi')) as { variables: Manifest }).variables;

test('napi.h is included only in native/addon/', () => {
  const found = linesWith(nativeFiles, /#include\s*[<"](napi|node_api|js_native_api|node|v8)\b/);
  expect(found.filter((line) => !line.startsWith('native/addon/'))).toEqual([]);
});

test('the addon is loaded only by lib/engine/load.ts', () => {
  const found = linesWith(libFiles, /node-gyp-build|createRequire|dlopen|\.node['"`]|\brequire\((?!'(node:|fflate'))/);
  const others = found.filter((line) => !line.startsWith('lib/engine/load.ts:'));
  // inspect/picture.ts finds an optional package of the user's.
  expect(others.filter((line) => !/^lib\/inspect\/picture\.ts:.*createRequire/.test(line))).toEqual([]);
});

test('a module has state only where values are computed, recorded or read: ops, tapes and what trains keep none', () => {
  const state = linesWith(libFiles, /^(export )?(let|var) /).map((line) => line.split(':')[0]?.split('/')[1]);
  expect(state.length).toBeGreaterThan(20);
  expect([...new Set(state)].sort()).toEqual(['base', 'engine', 'expr', 'op', 'record', 'transform']);
});

test('lib has no any and no suppressed check', () => {
  expect(
    linesWith(libFiles, /(:|<|\bas|\||&)\s*any\b|\bany\[\]|@ts-(ignore|nocheck|expect-error)|biome-ignore/),
  ).toEqual([]);
});

test(`no source file has more than ${MAX_LINES} lines`, () => {
  const sources = [...libFiles, ...nativeFiles.filter((file) => !file.startsWith('native/test/'))];
  const sizes = sources.map((file) => ({ file, lines: read(file).split('\n').length - 1 }));
  expect(sizes.filter(({ lines }) => lines > MAX_LINES)).toEqual([]);
});

// The ladder of native/: a folder includes only itself and those before it; paths are from native/, but of its own folder.
const nativeLadder = ['simd', 'kernels', 'steps', 'program', 'plan', 'run', 'addon'];

test('a folder of native/ includes only those before it', () => {
  const files = nativeFiles.filter((file) => !file.startsWith('native/test/'));
  const wrong = files.flatMap((file) => {
    const folder = file.split('/')[1] as string;
    const rung = nativeLadder.indexOf(folder);
    return [...read(file).matchAll(/^\s*#include "([^"]+)"/gm)].flatMap(([, path = '']) => {
      const own = existsSync(join(root, 'native', folder, path));
      const from = path.includes('/') ? nativeLadder.indexOf(path.split('/')[0] as string) : -1;
      return rung >= 0 && (own || (from >= 0 && from < rung && existsSync(join(root, 'native', path))))
        ? []
        : [`${file}: ${path}`];
    });
  });
  expect(wrong).toEqual([]);
});

test('both builds read their sources and flags from the manifest, and it lists every source', () => {
  const gyp = read('binding.gyp');
  const cmake = read('CMakeLists.txt');
  expect(gyp).toContain('"includes": ["native/sources.gypi"]');
  expect(cmake).toContain('native/sources.gypi');
  expect(gyp.match(/[\w/-]+\.cc\b/g)).toBeNull();
  expect(cmake.match(/native\/(?!test)[\w/-]+\.cc\b/g)).toBeNull();
  const sources = nativeFiles.filter((file) => file.endsWith('.cc') && !file.startsWith('native/test/'));
  expect([...manifest.common_sources, 'native/kernels/kernels.cc'].sort()).toEqual(sources);
  for (const isa of [...manifest.isas_x64, ...manifest.isas_arm64]) {
    expect(manifest[`isa_flags_${isa}`], isa).toBeDefined();
    expect(gyp, isa).toContain(`"GRADTAPE_ISA=${isa}"`);
    expect(gyp, isa).toContain(`"GRADTAPE_HAS_${isa.toUpperCase()}"`);
  }
});

test('floating-point flags are explicit, and none changes the meaning of numbers', () => {
  for (const flags of [manifest.common_flags, manifest.isa_flags]) {
    expect(flags).toContain('-ffp-contract=off');
    expect(flags).toContain('-fno-math-errno');
  }
  expect(linesWith(['native/sources.gypi', 'binding.gyp', 'CMakeLists.txt'], /-ffast-math|-Ofast|-funsafe/)).toEqual(
    [],
  );
});

test('every file of lib stands on one rung of the ladder, and imports only downwards', () => {
  const require = createRequire(import.meta.url);
  const { forbidden } = require(join(root, '.dependency-cruiser.cjs')) as {
    forbidden: { name: string; from: { path?: string } }[];
  };
  const rungs = forbidden.filter(({ name }) => name.startsWith('rung-')).map(({ from }) => new RegExp(from.path ?? ''));
  for (const file of libFiles) {
    expect(rungs.filter((rung) => rung.test(file)).length, `${file} stands on one rung`).toBe(1);
  }
  const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const report = execFileSync(process.execPath, [cruiser, 'lib', '--output-type', 'json'], {
    cwd: root,
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  });
  const { summary } = JSON.parse(report) as {
    summary: { violations: { rule: { name: string }; from: string; to: string }[] };
  };
  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
});

test.skipIf(!existsSync(join(root, '.git')))('no tracked file names a machine path or a registry host', () => {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
  const text = tracked.filter((file) => existsSync(join(root, file)) && !/\.(png|gz|bin|svg)$|corpus\//.test(file));
  const machine = /(^|[\s"'`=(:])\/(work|root|home|Users)\//;
  const registry =
    /npmjs\.org|pypi\.org|pythonhosted|crates\.io|golang\.org\/|maven\.(org|apache)|deb\.debian|"resolved":/;
  expect(linesWith(text, machine).filter((line) => !line.startsWith('test/package/house.test.ts:'))).toEqual([]);
  expect(linesWith(text, registry).filter((line) => !line.startsWith('test/package/house.test.ts:'))).toEqual([]);
});
