// Installs the tarball as its users do, and runs the README's first example: with every package manager, bundler, test runner
// and run time below, all of them from npm, in build/matrix. Without a compiler, make or Python on the PATH, and with fresh caches.
// Usage: node scripts/install-matrix.mjs [TARBALL] [--only TEXT] [--write], on Linux or macOS. Without TARBALL it packs build/'s
// binary; --only takes the cases whose name has TEXT; --write puts the table into docs/install.md. Fails if a case does.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram, main, output, root, run, StepError, say } from './common.mjs';
import { ownTarget } from './targets.mjs';

const matrix = join(root, 'build', 'matrix');
const scratch = mkdtempSync(join(tmpdir(), 'gradtape-matrix-'));
const registry = output('npm', ['config', 'get', 'registry']).trim();

// From `npm install` with a warm cache to the printed gradient.
const MOST_SECONDS = 10;

const example = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(root, 'README.md'), 'utf8'))[1];
const expected = example.match(/(?<=^\/\/ ).*$/gm).join('\n');
const asRequire = example.replace("import * as tf from 'gradtape'", "const tf = require('gradtape')");
const target = ownTarget();

class Wrong extends Error {}

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** A package from npm with its programs, installed once: a folder for each, as they are given. */
function tool(spec) {
  const place = join(matrix, spec.replace(/\W+/g, '-'));
  const name = spec.replace(/(.)@.*$/, '$1');
  const folder = join(place, 'node_modules', name);
  if (!existsSync(folder)) {
    say(`fetching ${spec} from npm into build/matrix (once) ...`);
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), '{ "private": true }\n');
    run('npm', ['install', '--prefix', place, '--no-audit', '--no-fund', '--silent', spec]);
  }
  const { version, bin } = manifestOf(folder);
  return { folder, version, bin: (program) => join(folder, typeof bin === 'string' ? bin : bin[program]) };
}

/** The Node that runs this, or a newer one for what refuses it. */
function nodeFor(newer) {
  if (!newer || Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return join(tool(`node-${process.platform}-${process.arch}@24`).folder, 'bin', 'node');
}

// What launchers written for sh call, and nothing that compiles.
const PROGRAMS = 'sh env basename cat chmod cp dirname ln ls mkdir mv ps readlink rm sed tar gzip uname which'.split(
  ' ',
);
const COMPILERS = 'cc c++ gcc g++ clang clang++ make gmake python python3 node-gyp cmake'.split(' ');

/** Programs and nothing else, a home without settings and caches, the registry, and what the network needs. */
function environment(node) {
  const folder = mkdtempSync(join(scratch, 'run-'));
  const path = join(folder, 'bin');
  const home = join(folder, 'home');
  for (const made of [path, home]) mkdirSync(made);
  for (const name of PROGRAMS) {
    const found = findProgram(name);
    if (found) symlinkSync(found, join(path, name));
  }
  symlinkSync(node, join(path, 'node'));
  const there = COMPILERS.filter((name) => existsSync(join(path, name)));
  if (there.length > 0) throw new StepError(`${there.join(', ')} on the PATH of a case`);
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(https?_proxy|no_proxy|.*_CERTS?(_FILE|_DIR)?)$/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: path,
    HOME: home,
    TMPDIR: folder,
    npm_config_registry: registry,
    npm_config_update_notifier: 'false',
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_ENABLE_TELEMETRY: '0',
    BUN_CONFIG_REGISTRY: registry,
    NPM_CONFIG_REGISTRY: registry,
    NO_COLOR: '1',
  };
}

function project(dependencies, files = {}) {
  const folder = mkdtempSync(join(scratch, 'project-'));
  const manifest = { name: 'a-user', version: '1.0.0', license: 'MIT', private: true, dependencies };
  const all = {
    'package.json': JSON.stringify(manifest, null, 2),
    'example.mjs': example,
    'example.cjs': asRequire,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  return folder;
}

/** Runs a program; all that it printed, or Wrong with its end. */
function call(command, cwd, env) {
  const [program, ...args] = command;
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 300_000 });
  const printed = `${stdout}${stderr}`;
  if (error || status !== 0) {
    const end = printed.trim().split('\n').slice(-12).join('\n    ');
    throw new Wrong(`${basename(program)} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}\n    ${end}`);
  }
  return { printed, stdout };
}

function gradient(command, cwd, env) {
  const { stdout } = call(command, cwd, env);
  if (stdout.trim() !== expected) throw new Wrong(`${command.slice(1).join(' ')} printed ${stdout}`);
}

// A warning that has our name, or that something of ours was not run.
const WARNING = /warn|ignored|blocked|disabled|deprecat|build script|postinstall|allow-?scripts|approve/i;

function quiet(printed) {
  const lines = printed.split('\n').filter((line) => WARNING.test(line));
  const ours = lines.filter((line) =>
    /gradtape|node-addon-api|node-gyp|build script|install script|postinstall/i.test(line),
  );
  if (ours.length > 0) throw new Wrong(`it warned: ${ours.join(' | ')}`);
}

// Of each: the package, what to call, how `ignore-scripts` is said to it, what its project needs besides.
const MANAGERS = {
  'npm 11': { spec: 'npm@11', program: 'npm' },
  'npm 12': { spec: 'npm@12', program: 'npm', newer: true },
  'pnpm 9': { spec: 'pnpm@9', program: 'pnpm' },
  'pnpm 10': { spec: 'pnpm@10', program: 'pnpm' },
  'pnpm 12': { spec: 'pnpm@12', program: 'pnpm', newer: true, own: true },
  'yarn 1': { spec: 'yarn@1', program: 'yarn' },
  'yarn 4, node-modules': {
    spec: '@yarnpkg/cli-dist@4',
    program: 'yarn',
    ignore: [],
    files: (ignored) => ({ '.yarnrc.yml': `nodeLinker: node-modules\nenableScripts: ${!ignored}\n`, 'yarn.lock': '' }),
  },
  'yarn 4, PnP': {
    spec: '@yarnpkg/cli-dist@4',
    program: 'yarn',
    ignore: [],
    files: (ignored) => ({ '.yarnrc.yml': `nodeLinker: pnp\nenableScripts: ${!ignored}\n`, 'yarn.lock': '' }),
    through: ['node'],
  },
  bun: { spec: 'bun@1', program: 'bun', own: true },
};

function manager({ spec, program, newer, own, ignore = ['--ignore-scripts'], files = () => ({}), through }, tarball) {
  const { bin, version } = tool(spec);
  const node = nodeFor(newer);
  const launch = own ? [bin(program)] : [node, bin(program)];
  let seconds = 0;
  for (const ignored of [false, true]) {
    const env = environment(node);
    const folder = project({ gradtape: `file:${tarball}` }, files(ignored));
    const start = performance.now();
    const { printed } = call([...launch, 'install', ...(ignored ? ignore : [])], folder, env);
    if (!ignored) seconds = (performance.now() - start) / 1000;
    quiet(printed);
    for (const file of ['example.mjs', 'example.cjs']) {
      gradient([...(through ? [...launch, ...through] : [node]), file], folder, env);
    }
    if (existsSync(join(folder, 'node_modules', 'gradtape', 'build'))) throw new Wrong('something was built');
  }
  return { version, note: `installed in ${seconds.toFixed(1)} s` };
}

/** A project that npm 11 installed, with more packages beside the tarball. */
function installed(tarball, dependencies = {}, files = {}) {
  const env = environment(process.execPath);
  const folder = project({ gradtape: `file:${tarball}`, ...dependencies }, files);
  call([process.execPath, tool('npm@11').bin('npm'), 'install', '--no-audit', '--no-fund'], folder, env);
  return { folder, env };
}

// Where node_modules is not: what a bundle needs must be in it.
function moved(folder, ...names) {
  const away = mkdtempSync(join(scratch, 'moved-'));
  for (const name of names) {
    mkdirSync(dirname(join(away, name)), { recursive: true });
    copyFileSync(join(folder, name), join(away, name));
  }
  return away;
}

// `summary` is in the part that is loaded when it is first called.
const withBinary = { 'bundled.mjs': `import 'gradtape/${target}';\n${example}\ntf.summary({});\n` };
// What CommonJS in an ES module lacks.
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

function esbuild(format, tarball) {
  const { bin, version } = tool('esbuild@0.28');
  const { folder, env } = installed(tarball, {}, withBinary);
  const extension = { cjs: 'cjs', esm: 'mjs' }[format];
  const flags = ['--bundle', '--platform=node', `--format=${format}`];
  call(
    [bin('esbuild'), 'example.mjs', ...flags, '--external:gradtape', `--outfile=external.${extension}`],
    folder,
    env,
  );
  gradient([process.execPath, `external.${extension}`], folder, env);
  const banner = format === 'esm' ? [`--banner:js=${BANNER}`] : [];
  const outputs = [
    '--outdir=out',
    `--out-extension:.js=.${extension}`,
    '--asset-names=gradtape',
    '--loader:.node=copy',
  ];
  const { printed } = call([bin('esbuild'), 'bundled.mjs', ...flags, ...outputs, ...banner], folder, env);
  quiet(printed);
  const away = moved(folder, `out/bundled.${extension}`, 'out/gradtape.node');
  gradient([process.execPath, join('out', `bundled.${extension}`)], away, env);
  return { version, note: 'external; and bundled with the binary beside it, away from node_modules' };
}

function rollup(tarball) {
  const { bin, version } = tool('rollup@4');
  const { folder, env } = installed(tarball);
  for (const [format, extension] of Object.entries({ es: 'mjs', cjs: 'cjs' })) {
    const flags = ['--format', format, '--external', 'gradtape', '--file', `bundle.${extension}`, '--silent'];
    call([process.execPath, bin('rollup'), 'example.mjs', ...flags], folder, env);
    gradient([process.execPath, `bundle.${extension}`], folder, env);
  }
  return { version, note: 'external, es and cjs' };
}

function webpack(tarball) {
  const { version } = tool('webpack@5');
  const config = {
    mode: 'production',
    target: 'node',
    entry: './example.mjs',
    externals: { gradtape: 'commonjs gradtape' },
    output: { filename: 'bundle.cjs' },
  };
  const text = `require('webpack')(${JSON.stringify(config)}, (error, stats) => {
  if (error || stats.hasErrors()) throw error ?? new Error(stats.toString());
});\n`;
  const { folder, env } = installed(tarball, { webpack: version }, { 'build.cjs': text });
  quiet(call([process.execPath, 'build.cjs'], folder, env).printed);
  gradient([process.execPath, join('dist', 'bundle.cjs')], folder, env);
  return { version, note: 'external' };
}

// Next.js and others deploy the files that this finds.
function traced(tarball) {
  const { version } = tool('@vercel/nft@1');
  const trace = `import { nodeFileTrace } from '@vercel/nft';
const { fileList } = await nodeFileTrace(['bundled.mjs']);
console.log(JSON.stringify([...fileList]));
`;
  const { folder, env } = installed(tarball, { '@vercel/nft': version }, { ...withBinary, 'trace.mjs': trace });
  const files = JSON.parse(call([process.execPath, 'trace.mjs'], folder, env).stdout);
  gradient([process.execPath, 'bundled.mjs'], moved(folder, ...files), env);
  const others = files.filter((file) => file.endsWith('.node')).length - 1;
  return {
    version,
    note: `traced by the import of gradtape/${target}, away from the rest; ${others} other binaries traced`,
  };
}

function bunBuild(tarball) {
  const { bin, version } = tool('bun@1');
  const { folder, env } = installed(tarball, {}, withBinary);
  call([bin('bun'), 'build', 'bundled.mjs', '--target=bun', '--outdir=out'], folder, env);
  gradient([bin('bun'), join('out', 'bundled.js')], folder, env);
  call([bin('bun'), 'build', '--compile', 'bundled.mjs', '--outfile', 'program'], folder, env);
  const away = moved(folder, 'program');
  gradient([join(away, 'program')], away, env);
  return { version, note: 'bundled; and compiled to one file, away from node_modules' };
}

// Two files in one process, and a second copy from another folder of node_modules beside each.
const testFile = (imports) => `${imports}
test('the example, and two copies side by side', () => {
  const answers = copies.map((tf) => {
    const x = tf.ones([2, 3]);
    const tape = new tf.GradientTape();
    const z = tape.record(() => {
      tape.watch(x);
      return tf.square(tf.reduceSum(x));
    });
    return String(tape.gradient(z, x));
  });
  expect(copies[0]).not.toBe(copies[1]);
  expect(answers).toEqual([${JSON.stringify(expected)}, ${JSON.stringify(expected)}]);
});
`;

function testRunner(spec, program, flags, imports, extension, tarball) {
  const { version } = tool(spec);
  const files = Object.fromEntries(['one', 'two'].map((name) => [`${name}.test.${extension}`, testFile(imports)]));
  const { folder, env } = installed(tarball, { 'a-copy': `file:${tarball}`, [program]: version }, files);
  const { printed } = call([process.execPath, join('node_modules', '.bin', program), ...flags], folder, env);
  if (!/^\s*Tests?:?\s+[24] passed/m.test(printed)) throw new Wrong(`not all tests passed: ${printed}`);
  return { version, note: 'two files in one process, two copies in each' };
}

const jest = (tarball) => {
  const copies = `const copies = [require('gradtape'), require('a-copy')];
test('once more', () => {
  const before = require('gradtape');
  jest.resetModules();
  const after = require('gradtape');
  expect(after).not.toBe(before);
  expect(after.add(after.ones([1]), 1).item()).toBe(2);
  expect(() => after.add(before.ones([1]), 1)).toThrow(/another copy of gradtape/);
});`;
  return testRunner('jest@30', 'jest', ['--runInBand', '--no-watchman'], copies, 'js', tarball);
};
const vitest = (tarball) => {
  const copies =
    "import { expect, test } from 'vitest';\nconst copies = [await import('gradtape'), await import('a-copy')];";
  return testRunner('vitest@4', 'vitest', ['run', '--pool=threads', '--no-file-parallelism'], copies, 'mjs', tarball);
};

function runtime(spec, program, args, tarball) {
  const { folder: place, version, bin } = tool(spec);
  const { folder, env } = installed(tarball);
  // Deno's launcher is for Node, and finds its program by itself.
  const launch = readFileSync(bin(program)).subarray(0, 2).toString() === '#!' ? [process.execPath] : [];
  for (const file of ['example.mjs', 'example.cjs']) gradient([...launch, bin(program), ...args, file], folder, env);
  return { version, note: `${[program, ...args].join(' ')}`, place };
}

/** The newcomer's wait, with the packages in npm's cache: install, import, the gradient of the first example. */
function firstImport(tarball) {
  const { bin, version } = tool('npm@11');
  const env = environment(process.execPath);
  const install = [process.execPath, bin('npm'), 'install'];
  call(install, project({ gradtape: `file:${tarball}` }), env);
  const folder = project({ gradtape: `file:${tarball}` });
  const start = performance.now();
  call(install, folder, env);
  gradient([process.execPath, 'example.mjs'], folder, env);
  const seconds = (performance.now() - start) / 1000;
  if (seconds > MOST_SECONDS) throw new Wrong(`${seconds.toFixed(1)} s, more than ${MOST_SECONDS}`);
  return { version, note: `from npm install to the gradient: ${seconds.toFixed(1)} s, with a warm cache` };
}

const CASES = {
  ...Object.fromEntries(Object.entries(MANAGERS).map(([name, how]) => [name, (tarball) => manager(how, tarball)])),
  'esbuild, cjs': (tarball) => esbuild('cjs', tarball),
  'esbuild, esm': (tarball) => esbuild('esm', tarball),
  rollup,
  webpack,
  '@vercel/nft': traced,
  'bun build': bunBuild,
  jest,
  vitest,
  'run by Bun': (tarball) => runtime('bun@1', 'bun', ['run'], tarball),
  'run by Deno': (tarball) => runtime('deno@2', 'deno', ['run', '-A'], tarball),
  'first import': firstImport,
};

/** The tarball with this machine's binary, as it stands in build/. */
function packed() {
  const folder = join(matrix, 'tarball');
  const printed = output(process.execPath, [join(root, 'scripts', 'pack.mjs'), folder]);
  if (printed === null) throw new StepError('scripts/pack.mjs failed: is build/Release/gradtape.node there?');
  return join(folder, JSON.parse(printed).tarballs[0]);
}

function write(rows) {
  const file = join(root, 'docs', 'install.md');
  const lines = rows.map(({ name, version, note }) => `| ${name} | ${version} | ${note} |`);
  const head = [`With Node ${process.version}, ${target}:`, '', '| with | version | how |', '| --- | --- | --- |'];
  const table = [...head, ...lines, ''].join('\n');
  const text = readFileSync(file, 'utf8');
  const written = text.replace(/(?<=<!-- matrix -->\n)[\s\S]*?(?=<!-- \/matrix -->)/, () => table);
  if (!written.includes(table)) throw new StepError('docs/install.md has lost its markers <!-- matrix -->');
  writeFileSync(file, written);
}

await main(() => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string', default: '' }, write: { type: 'boolean', default: false } },
  });
  if (process.platform === 'win32') throw new StepError('this is for Linux and macOS');
  const names = Object.keys(CASES).filter((name) => name.includes(values.only));
  if (names.length === 0) throw new StepError(`no case has ${values.only}; there are ${Object.keys(CASES).join('; ')}`);
  if (values.write && values.only) throw new StepError('--write is for all cases, not with --only');
  const tarball = resolve(positionals[0] ?? packed());
  if (!existsSync(tarball)) throw new StepError(`${tarball} is not there`);
  const rows = [];
  const failed = [];
  try {
    for (const name of names) {
      try {
        const row = { name, ...CASES[name](tarball) };
        rows.push(row);
        console.log(`ok      ${name.padEnd(22)} ${row.version.padEnd(9)} ${row.note}`);
      } catch (error) {
        if (!(error instanceof Wrong)) throw error;
        failed.push(name);
        console.log(`FAILED  ${name}: ${error.message}`);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (failed.length > 0) throw new StepError(`${failed.length} of ${names.length}: ${failed.join('; ')}`);
  if (values.write) write(rows);
  say(`${names.length} cases right on Node ${process.version}, ${target}`);
});
