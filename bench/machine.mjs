// What the figures depend on: the CPU, Node, the commit. Names no path and no host.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function git(...args) {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

export function machine(tf) {
  const info = tf.deviceInfo();
  const status = git('status', '--porcelain', '--', '.', ':!bench/results');
  return {
    date: new Date().toISOString(),
    gradtape: JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
    commit: git('rev-parse', '--short=12', 'HEAD'),
    dirty: status === null ? null : status !== '',
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGB: Math.round(totalmem() / 2 ** 30),
    isa: info.isa,
    isas: info.isas,
    threads: info.threads,
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    load: Number(loadavg()[0].toFixed(2)),
  };
}

/** '2026-01-31-amd-epyc-9r14': what a results file is called. */
export function slug({ date, cpu }) {
  const name = cpu
    .toLowerCase()
    .replace(/\((r|tm)\)|processor|cpu|@.*$|\d+-core/g, ' ')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${date.slice(0, 10)}-${name}`;
}
