// Does whatever set-up is missing, and nothing else: packages, the native build, the TypeScript build. Each part is
// skipped when its stamp, a hash of all that it depends on, says that it is up to date. Run it with the parts to do.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { bin, cores, findProgram, hashOf, main, root, run, StepError, say, stampIs, writeStamp } from './common.mjs';

const ADDON = 'build/Release/gradtape.node';
const LIB = 'dist/index.mjs';

function packages() {
  const stamp = hashOf('package-lock.json');
  if (stampIs('node_modules/.gradtape-stamp', stamp)) return;
  say('installing the packages of package-lock.json (npm ci) ...');
  // Without install scripts: the package's own would build the addon a second time, with node-gyp.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  writeStamp('node_modules/.gradtape-stamp', stamp);
}

// What the native build needs, and how each system calls it.
const TOOLS = [
  ['cmake', ['cmake']],
  ['ninja', ['ninja']],
  ['a C++17 compiler', process.platform === 'win32' ? ['clang-cl', 'cl'] : ['c++', 'g++', 'clang++']],
];
const PACKAGES = {
  Debian: 'apt-get install cmake ninja-build g++',
  Fedora: 'dnf install cmake ninja-build gcc-c++',
  Alpine: 'apk add cmake samurai g++',
  macOS: 'xcode-select --install, and brew install cmake ninja',
  Windows: "winget install Kitware.CMake Ninja-build.Ninja, and Visual Studio's Build Tools with clang",
};

function needTools() {
  const missing = TOOLS.filter(([, programs]) => !programs.some((program) => findProgram(program))).map(
    ([what]) => what,
  );
  if (missing.length === 0) return;
  const packages = Object.entries(PACKAGES).map(([system, command]) => `${system}: ${command}`);
  throw new StepError(
    `the native build needs cmake (3.19 or newer), ninja and a C++17 compiler; not found on the PATH: ${missing.join(', ')}. ` +
      packages.join('; '),
  );
}

function native() {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  const stamp = `${hashOf('native', 'CMakeLists.txt')} ${version} ${process.platform} ${process.arch}`;
  if (existsSync(join(root, ADDON)) && stampIs('build/.gradtape-stamp', stamp)) return;
  needTools();
  say('building the native addon (cmake-js; the first time takes minutes) ...');
  buildNative('build', ['GRADTAPE_TESTS=ON']);
  writeStamp('build/.gradtape-stamp', stamp);
}

/** The developers' native build in a folder of its own, with these CMake definitions. */
export function buildNative(folder, definitions = []) {
  run(bin('cmake-js'), [
    'build',
    '--log-level',
    'warn',
    '--out',
    folder,
    '--parallel',
    String(cores),
    ...definitions.map((definition) => `--CD${definition}`),
  ]);
}

async function lib() {
  const stamp = hashOf('lib', 'tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build-lib.mjs');
  if (existsSync(join(root, LIB)) && stampIs('build/.gradtape-lib-stamp', stamp)) return;
  say('building the library (tsc) ...');
  const { buildLib } = await import('./build-lib.mjs');
  await buildLib();
  writeStamp('build/.gradtape-lib-stamp', stamp);
}

const parts = { packages, native, lib };

export async function bootstrap(names = Object.keys(parts)) {
  packages();
  for (const name of names) await parts[name]();
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  await main(() => bootstrap(argv.length > 2 ? argv.slice(2) : undefined));
}
