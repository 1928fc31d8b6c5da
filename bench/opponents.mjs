// The other libraries: installing and opening them, in this process or in one of their own. A missing one is skipped with a line.
import { fork, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

const jax = { folder: 'peers', packages: ['@jax-js/jax'], load: () => import('./peers/jax-js.mjs') };
const loadTfjs = () => import('./peers/tfjs.mjs');

/** Where a library's packages are installed, what they are called, and the module that speaks to it. */
const homes = {
  deepbox: { folder: '', packages: ['deepbox'], load: () => import('./peers/deepbox.mjs') },
  'jax-js': jax,
  'jax-js-jit': jax,
  'tfjs-cpu': { folder: 'peers', packages: ['@tensorflow/tfjs'], load: loadTfjs },
  'tfjs-wasm': {
    folder: 'peers',
    packages: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
    load: loadTfjs,
  },
};

export const everyone = Object.keys(homes);

const installed = ({ folder, packages }) =>
  packages.every((name) => existsSync(join(here, folder, 'node_modules', name, 'package.json')));

/** Installs what is missing for these libraries; returns those that are there now. */
export function install(names, say) {
  for (const folder of new Set(names.map((name) => homes[name].folder))) {
    const missing = names.filter((name) => homes[name].folder === folder && !installed(homes[name]));
    if (missing.length === 0) continue;
    const place = join('bench', folder);
    say(`installing ${missing.join(', ')} into ${place} (npm ci) ...`);
    spawnSync('npm', ['ci'], { cwd: join(here, folder), stdio: 'ignore', shell: process.platform === 'win32' });
    for (const name of missing) {
      if (!installed(homes[name])) say(`skipped ${name}: it did not install. To try again: cd ${place} && npm ci`);
    }
  }
  return names.filter((name) => installed(homes[name]));
}

/** The version and the sides of a library, in this process. */
export async function open(name) {
  const { open } = await homes[name].load();
  return await open(name);
}

export function versionOf(name) {
  const { folder, packages } = homes[name];
  return JSON.parse(readFileSync(join(here, folder, 'node_modules', packages[0], 'package.json'), 'utf8')).version;
}

/** A library in a process of its own, one case at a time; has the interface of LocalSide. */
export class Child {
  constructor(library, threads, cpu = false) {
    const script = join(here, 'child.mjs');
    this.process = fork(script, [library, String(threads), cpu ? 'cpu' : 'wall'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.ready = this.answer().then(({ ids }) => {
      this.ids = new Set(ids);
      return this;
    });
  }

  answer() {
    return new Promise((resolve, reject) => {
      const gone = (code, signal) => reject(new Error(`its process ended (${signal ?? code})`));
      this.process.once('exit', gone);
      this.process.once('message', ({ value, error }) => {
        this.process.off('exit', gone);
        if (error === undefined) resolve(value);
        else reject(new Error(error));
      });
    });
  }

  ask(command, given = {}) {
    if (!this.process.connected) return Promise.reject(new Error('its process has ended'));
    const answer = this.answer();
    this.process.send({ command, ...given });
    return answer;
  }

  side(id) {
    return {
      open: () => this.ask('open', { id }),
      warm: (effort) => this.ask('warm', { effort }),
      sample: () => this.ask('sample'),
      close: () => this.ask('close'),
    };
  }

  growth(id, steps) {
    return this.ask('growth', { id, steps });
  }

  end() {
    this.process.kill();
  }
}
