// What is printed and what is recorded of a measured case.
import { median } from './harness.mjs';

/** From ms a step to the case's unit. */
function inUnit(ms, { unit, count = 1 }) {
  if (unit === 'ms') return ms / count;
  if (unit === 'us') return (ms * 1e3) / count;
  if (unit === 'ns') return (ms * 1e6) / count;
  if (unit === 'steps/s') return (1e3 / ms) * count;
  if (unit === 'GFLOP/s') return count / (ms * 1e6);
  return ms;
}

export const isRate = (unit) => unit.includes('/s');

const round = (x) => Number(x.toPrecision(4));

/** { unit, median, min, runs }: min is that of the times, so of a rate the greatest. */
export function record(test, times) {
  const best = Math.min(...times);
  return {
    unit: test.unit,
    median: round(inUnit(median(times), test)),
    min: round(inUnit(best, test)),
    runs: times.map((t) => round(inUnit(t, test))),
  };
}

export function show(x) {
  if (x === undefined || x === null) return '';
  if (Math.abs(x) >= 99.95) return x.toFixed(0);
  if (Math.abs(x) >= 9.995) return x.toFixed(1);
  return x.toFixed(Math.abs(x) >= 0.9995 ? 2 : 3);
}

/** Our time as a share of the peer's. */
export function ratio(unit, ours, theirs) {
  return isRate(unit) ? theirs / ours : ours / theirs;
}

/** Holds a figure against a bar; null without one. A peer that was not measured is not held against. */
export function judge(bar, unit, ours, peers) {
  if (!bar) return null;
  const parts = [];
  if (bar.max !== undefined) parts.push({ text: `<= ${bar.max} ${unit}`, met: ours <= bar.max });
  if (bar.min !== undefined) parts.push({ text: `>= ${bar.min} ${unit}`, met: ours >= bar.min });
  for (const [peer, share] of Object.entries(bar.over ?? {})) {
    const theirs = peers[peer]?.median;
    if (theirs) parts.push({ text: `<= ${share}x ${peer}`, met: ratio(unit, ours, theirs) <= share });
  }
  return { text: parts.map(({ text }) => text).join(', '), met: parts.every(({ met }) => met) };
}

const verdict = (judged) => (judged ? `${judged.met ? 'yes' : 'NO '} ${judged.text}` : '');

/** The fastest opponents of a case and our share of the time of each, for a table too narrow for all. */
function fastest(unit, ours, peers, count) {
  return Object.entries(peers)
    .filter(([, peer]) => peer.median)
    .map(([name, { median }]) => ({ name, share: ratio(unit, ours.median, median) }))
    .sort((a, b) => b.share - a.share)
    .slice(0, count)
    .map(({ name, share }) => `${name} ${show(share)}x`)
    .join(', ');
}

/** Prints rows of fixed widths; the last column is as long as it likes. Beside more than two opponents: only the fastest of each row. */
export class Table {
  constructor(peers, print) {
    this.peers = peers;
    this.print = print;
    this.short = peers.length > 2;
    this.widths = [48, 9, 9, 8, ...(this.short ? [88] : peers.flatMap(() => [10, 7]))];
  }

  line(cells) {
    const text = cells.map((cell, i) => {
      const width = this.widths[i];
      if (width === undefined) return cell;
      return i === 0 || i === 3 || (i === 4 && this.short) ? cell.padEnd(width) : cell.padStart(width);
    });
    this.print(text.join(' ').trimEnd());
  }

  heading(title) {
    this.print('');
    const peers = this.short
      ? ['our share of the time of the fastest']
      : this.peers.flatMap((peer) => [peer, 'ours/its']);
    this.line([title, 'median', 'best', '', ...peers, '  target']);
  }

  row(test, ours, peers, floor, aim) {
    const cells = [`  ${test.name}`];
    if (ours.failure) cells.push('failed', '', '');
    else cells.push(show(ours.median), show(ours.min), test.unit);
    if (this.short) cells.push(ours.failure ? '' : fastest(test.unit, ours, peers, 4));
    for (const name of this.short ? [] : this.peers) {
      const peer = peers[name];
      if (!peer) cells.push('-', '');
      else if (peer.failure) cells.push('failed', '');
      else cells.push(show(peer.median), ours.failure ? '' : `${show(ratio(test.unit, ours.median, peer.median))}x`);
    }
    const judged = [verdict(floor), aim ? `aim: ${verdict(aim)}` : ''].filter(Boolean).join('   ');
    this.line([...cells, `  ${judged}`]);
    for (const [name, { failure }] of Object.entries({ gradtape: ours, ...peers })) {
      if (failure) this.print(`    ${name}: ${failure}`);
    }
  }
}
