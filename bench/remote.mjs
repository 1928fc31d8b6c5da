// A library in a process of its own, whatever language: asked in lines of JSON on its standard input, it answers on descriptor 3.
import { spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';

// Between its turns a library's process stands still: threads that spin for more work would take the CPU from the others.
const canStop = process.platform !== 'win32';
const started = new Set();
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

export class Remote {
  /** Starts [command, ...arguments]; await `ready` before anything is asked. */
  constructor([command, ...args], env = {}) {
    this.process = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    started.add(this.process);
    this.lastWords = '';
    this.process.stderr.on('data', (text) => {
      this.lastWords = `${this.lastWords}${text}`.slice(-2000);
    });
    this.process.on('error', ({ message }) => this.ended(message));
    this.process.on('close', (code, signal) => {
      const words = this.lastWords.trim().split('\n').at(-1);
      this.ended(words || `its process ended (${signal ?? code})`);
    });
    this.process.stdin.on('error', () => {});
    createInterface({ input: this.process.stdio[3] }).on('line', (line) => this.settle(JSON.parse(line)));
    this.ready = this.answer().then(({ kinds, version }) => {
      this.kinds = new Set(kinds);
      this.version = version;
      this.pause();
      return this;
    });
  }

  ended(why) {
    started.delete(this.process);
    this.gone ??= why;
    this.settle({ error: this.gone });
  }

  settle(answer) {
    const waiting = this.waiting;
    this.waiting = null;
    if (answer.error === undefined) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(answer.error));
  }

  answer() {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  ask(command, given = {}) {
    if (this.gone) return Promise.reject(new Error(this.gone));
    const answer = this.answer();
    if (canStop) this.process.kill('SIGCONT');
    this.process.stdin.write(`${JSON.stringify({ command, ...given })}\n`);
    return answer.finally(() => this.pause());
  }

  pause() {
    if (canStop && !this.gone) this.process.kill('SIGSTOP');
  }

  /** The library's side of a case, with the interface of LocalSide; null if it has none. */
  side(test) {
    return this.kinds.has(test.kind) ? this.sideOf(test) : null;
  }

  /** The same of gradtape, which has a side of every case. */
  sideOf({ id, kind, given }) {
    return {
      open: () => this.ask('open', { id, kind, given }),
      warm: (effort) => this.ask('warm', effort),
      sample: () => this.ask('sample'),
      close: () => this.ask('close'),
    };
  }

  /** { growth, peak } in MB of a loop of so many steps, or of as many as there are seconds for. */
  memory({ id, kind, given }, steps, seconds) {
    return this.ask('memory', { id, kind, given, steps, seconds });
  }

  end() {
    started.delete(this.process);
    this.process.kill('SIGKILL'); // also of one that stands still
  }
}
