// Making prebuilt binaries, as far as it is cheap: the reader of binaries, what is refused, the load test on this machine's own.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linux, plain } from '../support/child.js';
import { read, readGolden, root } from '../support/files.js';

interface ImportedName {
  name: string;
  from?: string;
  anywhere?: boolean;
  weak?: boolean;
}

interface Binary {
  format: string;
  arch: string;
  exports: string[];
  imports: ImportedName[];
  libraries: string[];
  versions: string[];
  searches: string[];
  size: number;
  buffer: Buffer;
  system?: string;
  signed?: boolean;
  id?: string;
}

interface Target {
  name: string;
  platform: string;
  arch: string;
  libc?: string;
  file: string;
}

const script = (name: string): string => join(root, 'scripts', name);
const { readBinary, binaryFaults, glibcOf } = (await import(script('binary.mjs'))) as {
  readBinary(path: string): Binary;
  binaryFaults(binary: Binary, target: Pick<Target, 'platform' | 'arch' | 'libc'>): string[];
  glibcOf(binary: Pick<Binary, 'versions'>): string | undefined;
};
const { targets } = (await import(script('targets.mjs'))) as { targets(): Target[] };

const own = process.env['GRADTAPE_ADDON'] ?? join(root, 'build', 'Release', 'gradtape.node');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gradtape-prebuild-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const printed = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', cwd: root, maxBuffer: 1 << 28 });
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

// What binutils say of an ELF file.
const named = (lines: string, pattern: RegExp): string[] =>
  [...lines.matchAll(pattern)].map(([, name = '']) => name).sort();

describe.runIf(linux && has('nm') && has('readelf'))('an ELF file', () => {
  test.each([own, process.execPath])('%# shows and needs what nm and readelf say', (file) => {
    const binary = readBinary(file);
    const symbols = printed('nm', '-D', '--without-symbol-versions', file);
    const unique = (names: string[]): string[] => [...new Set(names)].sort();
    expect(unique(binary.exports)).toEqual(unique(named(symbols, /^[0-9a-f]+ [A-TV-Zuvw] (.+)$/gm)));
    expect(unique(binary.imports.map(({ name }) => name))).toEqual(unique(named(symbols, /^ +[Uvw] (.+)$/gm)));
    const dynamic = printed('readelf', '-d', '--wide', file);
    expect([...binary.libraries].sort()).toEqual(named(dynamic, /\(NEEDED\).*\[(.*)\]/g));
    const versions = printed('readelf', '-V', '--wide', file).split('.gnu.version_r')[1] ?? '';
    expect([...binary.versions].sort()).toEqual(named(versions, /Name: (\S+) +Flags/g));
    expect(binary.versions.length).toBeGreaterThan(2);
    expect(binary.arch).toBe(process.arch);
  });
});

// Zig, where .ci/run or npm run package:prebuild has installed it, makes small libraries of the other formats.
const python = join(root, 'build', 'pypi', 'venv', 'bin', 'python');
const zigIsHere = plain && existsSync(python) && spawnSync(python, ['-c', 'import ziglang']).status === 0;

describe.runIf(zigIsHere)('a small library', () => {
  const caches = { ZIG_GLOBAL_CACHE_DIR: join(root, 'build', 'zig'), ZIG_LOCAL_CACHE_DIR: join(root, 'build', 'zig') };
  const zig = (...args: string[]): string =>
    execFileSync(python, ['-m', 'ziglang', ...args], { encoding: 'utf8', env: { ...process.env, ...caches } });
  const make = (triple: string, ...link: string[]): Binary => {
    const source = join(folder, 'small.c');
    writeFileSync(
      source,
      `#define SHOWN __attribute__((visibility("default")))
      #ifdef _WIN32
      #undef SHOWN
      #define SHOWN __declspec(dllexport)
      int _DllMainCRTStartup(void* a, int b, void* c) { return 1; }
      #endif
      int napi_one(int), getpid(void);
      SHOWN int second(int x) { return napi_one(x) + getpid(); }
      SHOWN int secret(int x) { return x; }
      __attribute__((visibility("hidden"))) int hidden(int x) { return x; }`,
    );
    const file = join(folder, 'small.node');
    zig('cc', '-target', triple, '-fvisibility=hidden', '-shared', '-s', '-O1', source, ...link, '-o', file);
    return readBinary(file);
  };

  test.each(['aarch64', 'x86_64'])('in Mach-O for %s', (cpu) => {
    const binary = make(`${cpu}-macos.11.0`, '-Wl,-undefined,dynamic_lookup', '-Wl,-install_name,@rpath/small.node');
    expect(binary).toMatchObject({ format: 'Mach-O', system: '11.0', id: '@rpath/small.node' });
    expect(binary.arch).toBe(cpu === 'aarch64' ? 'arm64' : 'x64');
    // The first two are of Zig's linker: the library's own address.
    expect([...binary.exports].sort()).toEqual(['__dso_handle', '_mh_dylib_header', 'second', 'secret']);
    expect(binary.libraries).toEqual(['/usr/lib/libSystem.B.dylib']);
    const of = (name: string): ImportedName | undefined => binary.imports.find((symbol) => symbol.name === name);
    expect(of('napi_one')?.anywhere).toBe(true);
    expect(of('getpid')).toMatchObject({ anywhere: false, from: '/usr/lib/libSystem.B.dylib' });
    if (cpu === 'aarch64') expect(binary.signed).toBe(true);
  });

  test('in PE', () => {
    const link = ['-nostdlib', '-Wl,-e,_DllMainCRTStartup'];
    for (const [host, name] of [
      ['node.exe', 'napi_one'],
      ['KERNEL32.dll', 'getpid'],
    ] as const) {
      const definitions = join(folder, `${host}.def`);
      writeFileSync(definitions, `NAME ${host}\nEXPORTS\n${name}\n`);
      link.push(join(folder, `${host}.lib`));
      zig('dlltool', '-m', 'i386:x86-64', '-D', host, '-d', definitions, '-l', join(folder, `${host}.lib`));
    }
    const binary = make('x86_64-windows-gnu', ...link);
    expect(binary).toMatchObject({ format: 'PE', arch: 'x64' });
    expect([...binary.exports].sort()).toEqual(['second', 'secret']);
    expect(new Set(binary.imports)).toEqual(
      new Set([
        { name: 'napi_one', from: 'node.exe' },
        { name: 'getpid', from: 'KERNEL32.dll' },
      ]),
    );
    expect([...binary.libraries].sort()).toEqual(['KERNEL32.dll', 'node.exe']);
  });
});

// Facts of binaries that are right, and what each change of them is called.
const napi = { name: 'napi_create_double' };
const base = {
  exports: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
  versions: [],
  searches: [],
  size: 700_000,
  buffer: Buffer.alloc(0),
};
const right: [Pick<Target, 'platform' | 'arch' | 'libc'>, Binary][] = [
  [
    { platform: 'linux', arch: 'x64', libc: 'glibc' },
    {
      ...base,
      format: 'ELF',
      arch: 'x64',
      imports: [napi, { name: 'memcpy' }],
      libraries: ['libc.so.6', 'libm.so.6', 'ld-linux-x86-64.so.2'],
      versions: ['GLIBC_2.2.5', 'GLIBC_2.28', 'GLIBC_2.3'],
    },
  ],
  [
    { platform: 'linux', arch: 'arm64', libc: 'musl' },
    { ...base, format: 'ELF', arch: 'arm64', imports: [napi, { name: 'memcpy' }], libraries: ['libc.so'] },
  ],
  [
    { platform: 'darwin', arch: 'arm64' },
    {
      ...base,
      format: 'Mach-O',
      arch: 'arm64',
      imports: [
        { ...napi, anywhere: true },
        { name: 'memcpy', anywhere: false, from: '/usr/lib/libSystem.B.dylib' },
        { name: '_ZTIN4Napi5ErrorE', anywhere: false, weak: true },
      ],
      libraries: ['/usr/lib/libSystem.B.dylib'],
      system: '11.0',
      signed: true,
    },
  ],
  [
    { platform: 'win32', arch: 'x64' },
    {
      ...base,
      format: 'PE',
      arch: 'x64',
      imports: [
        { ...napi, from: 'node.exe' },
        { name: 'memcpy', from: 'api-ms-win-crt-string-l1-1-0.dll' },
      ],
      libraries: ['node.exe', 'KERNEL32.dll', 'api-ms-win-crt-string-l1-1-0.dll'],
    },
  ],
];

test('a binary that is right has no faults', () => {
  for (const [target, binary] of right) expect(binaryFaults(binary, target)).toEqual([]);
});

describe.each(right)('of a binary for %o', (target, binary) => {
  const { platform, libc } = target;
  const dynamic = (name: string): ImportedName =>
    platform === 'darwin' ? { name, anywhere: true } : platform === 'win32' ? { name, from: 'node.exe' } : { name };
  const changes: [string, Partial<Binary>, RegExp, boolean?][] = [
    ['another architecture', { arch: 'ia32' }, /for ia32/],
    ['another format', { format: 'COFF' }, /it is COFF/],
    ['too many bytes', { size: 2_100_001 }, /2\.10 MB, more than/],
    ['a name shown', { exports: [...binary.exports, '_Znwm'] }, /shows _Znwm/],
    ['a name not shown', { exports: binary.exports.slice(1) }, /does not show napi_register_module_v1/],
    ['a library', { libraries: [...binary.libraries, 'libstdc++.so.6'] }, /needs libstdc\+\+\.so\.6/],
    ['a folder to look in', { searches: ['/usr/local/lib'] }, /looks for libraries in/],
    ['newer Node-API', { imports: [...binary.imports, dynamic('napi_of_tomorrow')] }, /calls napi_of_tomorrow/],
    ['a path', { buffer: Buffer.from(`xx${root}/native`) }, /where it was built/],
    ['newer glibc', { versions: ['GLIBC_2.34', 'GLIBC_2.4'] }, /glibc 2\.34|GLIBC_2\.34/, platform === 'linux'],
    ['a C++ library’s versions', { versions: ['GLIBC_2.4', 'CXXABI_1.3'] }, /CXXABI/, libc === 'glibc'],
    ['no versions', { versions: [] }, /no version of glibc/, libc === 'glibc'],
    ['newer macOS', { system: '13.0' }, /macOS 13\.0/, platform === 'darwin'],
    ['no signature', { signed: false }, /not signed/, platform === 'darwin'],
    [
      'an operator that others may replace',
      { imports: [{ name: '_Znwm', anywhere: false, weak: true }] },
      /binds _Znwm/,
      platform === 'darwin',
    ],
    ['a name to be found anywhere', { imports: [dynamic('_Znwm')] }, /binds _Znwm/, platform !== 'linux'],
  ];
  test.each(changes.filter(([, , , applies = true]) => applies))('%s is a fault', (_, change, message) => {
    expect(binaryFaults({ ...binary, ...change }, target)).toEqual([expect.stringMatching(message)]);
  });
});

test('versions are compared as numbers', () => {
  expect(glibcOf({ versions: ['GLIBC_2.4', 'GLIBC_2.17', 'GLIBC_2.2.5', 'GCC_3.0'] })).toBe('2.17');
});

test('what is no binary is refused', () => {
  expect(() => readBinary(join(root, 'package.json'))).toThrow('is no binary');
  writeFileSync(join(folder, 'short'), 'MZ');
  expect(() => readBinary(join(folder, 'short'))).toThrow('is no binary');
});

test('the eight targets have the files that prebuildify makes', () => {
  const files = targets().map(({ file }) => file);
  expect(files).toHaveLength(8);
  expect(files).toContain('prebuilds/linux-x64/gradtape.glibc.node');
  expect(files).toContain('prebuilds/linux-arm64/gradtape.musl.node');
  expect(files).toContain('prebuilds/darwin-arm64/gradtape.node');
});

describe('a run of the script', () => {
  const failure = (name: string, args: string[], env: Record<string, string> = {}): string => {
    const { status, stderr } = spawnSync(process.execPath, [script(name), ...args], {
      encoding: 'utf8',
      cwd: folder,
      env: { ...process.env, ...env },
    });
    expect(status).toBe(1);
    return stderr;
  };

  test('with a target that there is not lists those that there are', () => {
    expect(failure('prebuild.mjs', ['--target', 'linux-mips'])).toMatch(
      /no target linux-mips; there are .*linuxmusl-x64/,
    );
    const env = { PREBUILD_PLATFORM: 'linux', PREBUILD_ARCH: 'mips', PREBUILD_LIBC: 'glibc' };
    expect(failure('zig-build.mjs', [], env)).toMatch(/no target linux\.glibc-mips/);
    expect(failure('load-matrix.mjs', ['darwin-x64'])).toMatch(/darwin-x64: only linux-x64, /);
  });

  test('without Python says so', () => {
    const copy = mkdtempSync(join(folder, 'copy-'));
    for (const name of ['common.mjs', 'pypi.mjs', 'zig.mjs']) {
      const text = read(`scripts/${name}`);
      writeFileSync(join(copy, name), text);
    }
    const source = `
      import { main } from '${join(copy, 'common.mjs')}';
      import { zig } from '${join(copy, 'zig.mjs')}';
      await main(() => zig());`;
    writeFileSync(join(copy, 'try.mjs'), source);
    const { stderr, status } = spawnSync(process.execPath, [join(copy, 'try.mjs')], {
      encoding: 'utf8',
      env: { PATH: copy },
    });
    expect([status, stderr]).toEqual([
      1,
      'gradtape: failed: python3 is not on the PATH: ziglang==0.17.1 comes from PyPI\n',
    ]);
  });
});

describe.runIf(plain && existsSync(own))('the load test', () => {
  const load = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [script('load-test.mjs'), ...args], { encoding: 'utf8' });

  test('of this machine’s addon finds the bits of every set it has', () => {
    const { stdout, stderr, status } = load(own);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/: (156|312|468) results have the bits of hashes\.json on .*; async and 2 workers right\n$/);
  });

  test('knows one bit from another, and a name that is lost', () => {
    const hashes = readGolden<Record<string, Record<string, string>>>('hashes.json');
    const other = join(folder, 'hashes.json');
    for (const isa of Object.values(hashes)) isa['float32 tanh'] = '000000000000';
    writeFileSync(other, JSON.stringify(hashes));
    expect(load(own, '--hashes', other)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/other bits on \w+: float32 tanh\n/),
    });
    for (const isa of Object.values(hashes)) delete isa['float32 tanh'];
    writeFileSync(other, JSON.stringify(hashes));
    expect(load(own, '--hashes', other)).toMatchObject({ status: 1, stderr: expect.stringMatching(/names of hashes/) });
  });
});
