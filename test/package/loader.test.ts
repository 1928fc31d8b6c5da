// Where the addon is looked for, in which order, and what the error says of every way in which it can be missing or
// unfit. Each is made: files that are damaged, for another machine or another libc, places where nothing may run.
// Platforms that are not supported cannot be had here: their names are set in the process.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { targets } from '../../lib/engine/load-failure.js';
import { linux, plain } from '../support/child.js';
import { read } from '../support/files.js';
import { built, installed, isBuilt, platform, prebuilt } from '../support/installed.js';

const onLinux = process.platform === 'linux';

interface Loading {
  /** The addon that was loaded, from the package's folder. */
  from?: string;
  code?: string;
  message: string;
  cause?: string;
}

let project = '';
let home = '';
const at = (path: string): string => join(home, path);

// Loads gradtape as installed, in a process of its own; `before` is run first.
function load(before = '', env: Record<string, string> = {}, flags: string[] = [], uid?: number): Loading {
  const source = `
    ${before}
    let told = { message: '' };
    try {
      const tf = require('gradtape');
      if (tf.reduceSum(tf.ones([2, 3])).item() !== 6) throw new Error('computes nothing');
      told.from = Object.keys(require.cache).filter((name) => name.endsWith('.node')).join();
    } catch (error) {
      told = { code: error.code, message: error.message, cause: error.cause?.message };
    }
    require('node:fs').writeSync(1, JSON.stringify(told));`;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST|GRADTAPE_|LIBC$)/.test(name));
  const { stdout, stderr, signal } = spawnSync(process.execPath, [...flags, '-e', source], {
    cwd: project,
    env: { ...Object.fromEntries(inherited), ...env },
    encoding: 'utf8',
    ...(uid === undefined ? {} : { uid }),
  });
  if (!stdout) throw new Error(`ended by ${signal}: ${stderr}`);
  const told = JSON.parse(stdout) as Loading;
  if (told.from?.startsWith(home)) told.from = told.from.slice(home.length + 1);
  return told;
}

function put(path: string, bytes: Uint8Array | string | undefined = undefined): string {
  mkdirSync(dirname(at(path)), { recursive: true });
  if (bytes === undefined) copyFileSync(built, at(path));
  else writeFileSync(at(path), bytes);
  return at(path);
}

/** The addon with some bytes of its header changed. */
function changed(offset: number, ...bytes: number[]): Buffer {
  const file = readFileSync(built);
  file.set(bytes, offset);
  return file;
}

test('the targets of the loader are those of package.json, and each entry names its file', () => {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, { default?: string }> };
  const entries = Object.entries(exports).filter(([, { default: file }]) => file !== undefined);
  expect(entries.map(([name]) => name.slice(2))).toEqual(targets);
  for (const name of targets) {
    const [, os, musl, arch] = /^([a-z0-9]+?)(musl)?-(\w+)$/.exec(name) ?? [];
    const tag = os === 'linux' ? `.${musl ?? 'glibc'}` : '';
    expect(read(`dist/${name}.cjs`)).toContain(`require('../prebuilds/${os}-${arch}/gradtape${tag}.node')`);
  }
});

describe.runIf(plain && isBuilt)('loading', () => {
  beforeAll(() => {
    ({ folder: project, home } = installed('loader'));
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));
  beforeEach(() => void put(prebuilt));
  afterEach(() => {
    for (const name of ['prebuilds', 'build', 'other']) rmSync(at(name), { recursive: true, force: true });
  });

  test('the order: GRADTAPE_ADDON, an entry, a local build, the prebuilt file', () => {
    const other = put('other/gradtape.node');
    put('build/Release/gradtape.node');
    const entry = `require('gradtape/${platform}');`;
    expect(load(entry, { GRADTAPE_ADDON: other }).from).toBe('other/gradtape.node');
    expect(load(entry).from).toBe(prebuilt);
    expect(load().from).toBe('build/Release/gradtape.node');
    rmSync(at('build'), { recursive: true });
    expect(load().from).toBe(prebuilt);
    expect(load("require('gradtape/win32-arm64');").from, 'an entry for another machine').toBe(
      onLinux ? prebuilt : undefined,
    );
  });

  test('GRADTAPE_ADDON is a path from the working directory', () => {
    put('other/gradtape.node');
    expect(load('', { GRADTAPE_ADDON: 'node_modules/gradtape/other/gradtape.node' }).from).toBe('other/gradtape.node');
  });

  test.runIf(linux)('another user of node-gyp-build that took the process for musl does not matter', () => {
    put(`prebuilds/${platform}/gradtape.musl.node`, 'no addon');
    expect(load("process.env.LIBC = 'musl'; require('node-gyp-build'); delete process.env.LIBC;").from).toBe(prebuilt);
    expect(load("require('gradtape'); if ('LIBC' in process.env) throw new Error('LIBC stays');").from).toBe(prebuilt);
    const told = load('', { LIBC: 'musl' });
    expect(told.message, 'LIBC of the user is obeyed').toContain('gradtape.musl.node');
  });

  test.runIf(linux)('a process that has the loader of musl gets the file for musl', () => {
    const loader = put('other/ld-musl-x86_64.so.1');
    const musl = `process.dlopen({ exports: {} }, ${JSON.stringify(loader)});`;
    put(`prebuilds/${platform}/gradtape.musl.node`);
    expect(load(musl).from).toBe(`prebuilds/${platform}/gradtape.musl.node`);
  });

  describe('a file that is not there', () => {
    test('GRADTAPE_ADDON', () => {
      const { code, message, cause } = load('', { GRADTAPE_ADDON: 'nowhere.node' });
      expect(code).toBe('ERR_ADDON');
      expect(message).toContain(`GRADTAPE_ADDON names ${join(project, 'nowhere.node')}, and there is no such file`);
      expect(cause).toContain('Cannot find module');
      expect(load('', { GRADTAPE_ADDON: 'package.json' }).message).toContain('which is no .node file');
    });

    test('the prebuilt file: what left it out, and what to do', () => {
      rmSync(at('prebuilds'), { recursive: true });
      const { code, message, cause } = load();
      expect(code).toBe('ERR_ADDON');
      expect(message).toContain(`${at(prebuilt)} is not there: a bundler or a copy left it out`);
      expect(message).toContain(`import 'gradtape/${platform}'`);
      expect(message).toContain('npx gradtape build');
      expect(cause).toContain('Cannot find module');
      const { message: ofEntry } = load(`require('gradtape/${platform}');`);
      expect(ofEntry).toContain(`${at(prebuilt)} is not there: a bundler or a copy left it out`);
      expect(ofEntry).not.toContain('was imported');
      expect(load("require('gradtape/win32-arm64');").message).toContain(
        'gradtape/win32-arm64 was imported, for another machine',
      );
    });

    test('a platform that is not supported: the list, and the command', () => {
      rmSync(at('prebuilds'), { recursive: true });
      const { message } = load("Object.defineProperty(process, 'platform', { value: 'freebsd' });");
      expect(message).toContain(`no binary for freebsd-${process.arch}`);
      expect(message).toContain(targets.join(', '));
      expect(message).toContain('npx gradtape build');
    });

    test('Node that may not load addons, or read them', () => {
      const major = Number.parseInt(process.versions.node, 10);
      const permission = major < 22 ? '--experimental-permission' : '--permission';
      for (const flags of [['--no-addons'], [permission, '--allow-fs-read=*']]) {
        expect(load('', {}, flags).message).toContain('addons are switched off: give Node --allow-addons');
      }
      const all = [permission, '--allow-addons', `--allow-fs-read=${project}`];
      expect(load('', {}, all).from, 'the package alone suffices').toBe(prebuilt);
      if (major < 22) return; // Node 20 asks for no permission to read an addon
      const other = put('other/gradtape.node');
      const some = ['dist', 'package.json', 'prebuilds'].map((name) => `--allow-fs-read=${at(name)}`);
      const gyp = `--allow-fs-read=${join(project, 'node_modules', 'node-gyp-build')}`;
      const { message } = load('', { GRADTAPE_ADDON: other }, [permission, '--allow-addons', gyp, ...some]);
      expect(message).toContain(`${other} may not be read (ERR_ACCESS_DENIED)`);
    });
  });

  describe.each([
    ['a file that does not load', ''],
    ['a file that does not load, of an imported entry', `require('gradtape/${platform}');`],
  ])('%s', (_, before) => {
    test('cut off, text, empty, another addon', () => {
      const whole = readFileSync(built);
      if (linux) {
        put(prebuilt, whole.subarray(0, whole.length >> 1)); // loading it would end the process
        expect(load(before).message).toContain(`${at(prebuilt)} is cut off`);
      }
      for (const bytes of ['no addon, though it has its name: '.repeat(9), '', whole.subarray(0, 30)]) {
        put(prebuilt, bytes);
        const { code, message, cause } = load(before);
        expect(code).toBe('ERR_ADDON');
        expect(message).toMatch(/does not load on .*it is no addon but something else, or damaged.*The loader said/s);
        expect(message).toContain(cause?.split('\n')[0]);
      }
      put(prebuilt, 'no addon, though it has its name');
      expect(load(before).message).toContain('it is no addon but something else, or damaged');
    });

    test.runIf(linux)('for another architecture or system', () => {
      put(prebuilt, changed(18, 0xb7));
      const other = process.arch === 'arm64' ? 'x64' : 'arm64';
      if (other === 'arm64')
        expect(load(before).message).toContain('it is for linux-arm64. node_modules of another machine?');
      put(prebuilt, changed(0, 0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1));
      expect(load(before).message).toContain('it is for darwin-arm64');
      put(prebuilt, changed(0, 0x4d, 0x5a));
      expect(load(before).message).toContain('does not load on');
      put(prebuilt, Buffer.alloc(500, 'MZ').fill(0, 2));
      expect(load(before).message).toContain('no addon but something else, or damaged');
    });

    test.runIf(linux && isThere('gcc'))('for a newer glibc or libstdc++, and for musl', () => {
      const library = (soname: string, symbol: string, version?: string): void => {
        const folder = dirname(put('other/lib/lib.c', `void ${symbol}(void) {}`));
        writeFileSync(join(folder, 'lib.map'), `${version} { global: ${symbol}; };`);
        const script = version ? [`-Wl,--version-script=${folder}/lib.map`] : [];
        cc([
          '-shared',
          '-fPIC',
          '-nostdlib',
          `-Wl,-soname,${soname}`,
          ...script,
          `${folder}/lib.c`,
          '-o',
          `${folder}/lib.so`,
        ]);
        writeFileSync(join(folder, 'use.c'), `void ${symbol}(void); void use(void) { ${symbol}(); }`);
        cc(['-shared', '-fPIC', '-nostdlib', `${folder}/use.c`, `${folder}/lib.so`, '-o', at(prebuilt)]);
      };
      library('libc.so.6', 'gradtape_newer', 'GLIBC_2.99');
      const old = load(before);
      expect(old.message).toMatch(
        /it needs GLIBC_2\.99, and this system's glibc is 2\.\d+\. Build one here: npx gradtape build/,
      );
      expect(old.cause).toContain("version `GLIBC_2.99' not found");
      library('libstdc++.so.6', 'gradtape_newer', 'GLIBCXX_9.9');
      expect(load(before).message).toContain('it needs GLIBCXX_9.9');
      library('libc.musl-x86_64.so.1', 'gradtape_musl');
      expect(load(before).message).toContain('it was built for musl, and this process uses glibc');
    });

    test.runIf(linux && isThere('gcc'))('no addon of gradtape', () => {
      const source = put('other/a.c', 'int napi_register_module_v1(void *env, void *exports) { return 0; }');
      cc(['-shared', '-fPIC', source, '-o', at(prebuilt)]);
      expect(load(before).message).toContain("is an addon, but not gradtape's");
      cc(['-shared', '-fPIC', '-x', 'c', '/dev/null', '-o', at(prebuilt)]);
      expect(load(before).message).toContain('it is a library, but no addon for Node');
      if (before) return;
      mkdirSync(at('other/folder.node'));
      expect(load('', { GRADTAPE_ADDON: at('other/folder.node') }).message).toContain('it is a folder');
    });

    test.runIf(linux && mounts())('on a file system where nothing may run', () => {
      const folder = at('prebuilds/none');
      mkdirSync(folder);
      const script = `mount -t tmpfs -o noexec none ${folder} && cp ${at(prebuilt)} ${folder} && cd ${project} && exec ${process.execPath} -e "require('gradtape')"`;
      const { stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script], {
        env: { PATH: process.env['PATH'], GRADTAPE_ADDON: join(folder, prebuilt.split('/').at(-1) ?? '') },
        encoding: 'utf8',
      });
      expect(stderr).toContain(`${folder} is on a file system where nothing may run (mounted noexec)`);
    });

    test.runIf(linux && process.getuid?.() === 0)('that the user may not read', () => {
      chmodSync(at(prebuilt), 0o600);
      const { message, cause } = load(before, {}, [], 65534);
      expect(message).toContain('this user may not read it');
      expect(cause).toContain('Permission denied');
    });
  });

  test('the library of one version, the addon of another', () => {
    const other = put('other/gradtape/build/Release/gradtape.node');
    const manifest = JSON.stringify({ name: 'gradtape', version: '0.0.1' });
    put('other/gradtape/package.json', manifest);
    const { code, message } = load('', { GRADTAPE_ADDON: other });
    expect(code).toBe('ERR_ADDON');
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(message).toContain(`two copies of different versions: the library is ${version} in ${home}`);
    expect(message).toContain(`is of 0.0.1 in ${at('other/gradtape')}`);
    put('other/gradtape/package.json', manifest.replace('0.0.1', version));
    expect(load('', { GRADTAPE_ADDON: other }).from).toBe('other/gradtape/build/Release/gradtape.node');
  });
});

function cc(args: string[]): void {
  execFileSync('gcc', args, { stdio: 'pipe' });
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

/** Whether this process may mount: in CI's containers not always. */
function mounts(): boolean {
  return spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;
}
