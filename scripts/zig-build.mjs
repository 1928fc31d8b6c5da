#!/usr/bin/env node
// What prebuildify takes for node-gyp when it makes a target: Zig compiles what native/sources.gypi lists, and one .node is
// left in build/Release of the folder where this is started. The target is told by PREBUILD_PLATFORM, _ARCH and _LIBC.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { cores, main, root, StepError, say } from './common.mjs';
import { definitions, headers } from './node-api.mjs';
import { leftOut } from './targets.mjs';
import { runZig, zig } from './zig.mjs';

const CPUS = { x64: 'x86_64', arm64: 'aarch64' };
// The oldest systems that Node's own binaries run on: RHEL 8 and Debian 10, macOS 11.
const SYSTEMS = {
  'linux.glibc': 'linux-gnu.2.28',
  'linux.musl': 'linux-musl',
  darwin: 'macos.11.0',
  win32: 'windows-gnu',
};

function targetOf({ PREBUILD_PLATFORM: platform, PREBUILD_ARCH: arch, PREBUILD_LIBC: libc }) {
  const triple = (system) => `${CPUS[arch]}-${SYSTEMS[system]}`;
  const system = platform === 'linux' ? `linux.${libc}` : platform;
  if (!CPUS[arch] || !SYSTEMS[system]) throw new StepError(`no target ${system}-${arch}`);
  const name = `${platform}${libc === 'musl' ? 'musl' : ''}-${arch}`;
  // Units that compute call nothing but memcpy and the like: one object serves both C libraries.
  return {
    name,
    platform,
    arch,
    triple: triple(system),
    unitTriple: triple(platform === 'linux' ? 'linux.glibc' : system),
  };
}

/** Runs tasks, so many at a time; the first that fails ends it, after those that run have ended. */
async function inParallel(tasks, width) {
  const waiting = [...tasks];
  const failures = [];
  const worker = async () => {
    for (let task = waiting.shift(); task && failures.length === 0; task = waiting.shift()) {
      try {
        await task();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failures.length > 0) throw failures[0];
}

const manifest = JSON.parse(readFileSync(join(root, 'native', 'sources.gypi'), 'utf8')).variables;
const pathInRoot = (path) => relative(root, path);

// Sources whose own loops take the time of programs. Of all others size counts: they run once a structure or a call, or spend their
// time in kernels or on one number.
const FAST = ['loop', 'run', 'layout', 'gather', 'eigen', 'svd', 'qr', 'orthogonal'];

/** What is compiled: of each object its name and the compiler's arguments. The units first: they take longest. */
function objectsOf({ name, platform, arch, triple, unitTriple }) {
  const isas = manifest[`isas_${arch}`].filter((isa) => !leftOut[name]?.includes(isa));
  const base = [
    '-std=c++17',
    '-g0',
    '-Wall',
    '-Wextra',
    '-Wno-unused-parameter',
    ...(platform === 'win32' ? [] : ['-fPIC']),
    '-I',
    'native',
  ];
  const unitFlags = [...manifest.isa_flags, ...(platform === 'win32' ? [] : manifest.isa_flags_not_win)];
  // For processors of before 2013 size counts: a training step takes 1.01 of its time so, by clang (by gcc 1.22).
  const small = { sse2: ['-Os'] };
  const units = isas.map((isa) => ({
    name: `kernels_${isa}.o`,
    args: [
      '-target',
      unitTriple,
      ...base,
      ...unitFlags,
      ...manifest[`isa_flags_${isa}`],
      ...(small[isa] ?? []),
      `-DGRADTAPE_ISA=${isa}`,
    ],
    source: manifest.isa_source,
    unit: true,
  }));
  const known = new Set(manifest.common_sources.map((source) => basename(source, '.cc')));
  const gone = FAST.filter((name) => !known.has(name));
  if (gone.length > 0) throw new StepError(`zig-build.mjs: no source of the manifest is called ${gone.join(', ')}`);
  const includes = [headers, join(root, 'node_modules', 'node-addon-api')].map(pathInRoot);
  const common = manifest.common_sources.map((source) => ({
    name: `${basename(source, '.cc')}.o`,
    args: [
      '-target',
      triple,
      ...base,
      ...manifest.common_flags,
      ...(FAST.includes(basename(source, '.cc')) ? [] : ['-Os']),
      ...manifest.common_defines.map((define) => `-D${define}`),
      ...isas.map((isa) => `-DGRADTAPE_HAS_${isa.toUpperCase()}`),
      ...includes.flatMap((path) => ['-isystem', path]),
      ...(platform === 'darwin' ? OWN_NEW : []),
    ],
    source,
  }));
  return [...units, ...common];
}

// Beside what the manifest says: native/addon/runtime.cc has macOS's operators, which no option of Zig's linker hides.
const OWN_NEW = ['-DGRADTAPE_OWN_NEW', '-fvisibility-global-new-delete=force-hidden'];

const LINK = {
  // Every loader reads the GNU hash table (glibc since 2.5, musl since 1.1); the old one beside it takes 860 bytes.
  linux: ['-Wl,--gc-sections', '-Wl,--hash-style=gnu', `-Wl,--version-script=${manifest.exports_elf}`],
  // The install name and local symbols would tell where it was built.
  darwin: ['-Wl,-undefined,dynamic_lookup', '-Wl,-dead_strip', '-Wl,-x', '-Wl,-install_name,@rpath/gradtape.node'],
  win32: ['-Wl,--gc-sections'],
};

async function build(program, target, folder) {
  rmSync(folder, { recursive: true, force: true });
  const release = join(folder, 'Release');
  mkdirSync(release, { recursive: true });
  const objects = objectsOf(target).map((object) => ({ ...object, path: pathInRoot(join(folder, object.name)) }));
  await inParallel(
    objects.map(({ name, args, source, path, unit }) => async () => {
      const seconds = await runZig(program, ['c++', ...args, '-c', source, '-o', path], `${target.name}: ${source}`);
      if (unit) say(`${target.name}: ${name} ${seconds.toFixed(1)} s`);
    }),
    cores,
  );
  const inputs = objects.map(({ path }) => path);
  if (target.platform === 'win32') {
    const library = pathInRoot(join(folder, 'node_api.lib'));
    const machine = target.arch === 'x64' ? 'i386:x86-64' : 'arm64';
    const args = ['dlltool', '-m', machine, '-D', 'node.exe', '-d', pathInRoot(definitions), '-l', library];
    await runZig(program, args, `${target.name}: the names of node.exe`);
    inputs.push(library);
  }
  const file = pathInRoot(join(release, 'gradtape.node'));
  const link = [
    'c++',
    '-target',
    target.triple,
    '-shared',
    '-s',
    '-O3',
    ...LINK[target.platform],
    ...inputs,
    '-o',
    file,
  ];
  const seconds = await runZig(program, link, `${target.name}: linking`);
  say(`${target.name}: linked in ${seconds.toFixed(1)} s`);
}

await main(() => build(zig(), targetOf(process.env), join(process.cwd(), 'build')));
