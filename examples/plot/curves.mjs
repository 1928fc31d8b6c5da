// Curves over steps: in the terminal, and as an SVG file.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import asciichart from 'asciichart';
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';

const size = { width: 880, height: 420 };
const inner = { left: 80, right: 852, top: 76, bottom: 362 };
const colours = ['#1f6fb2', '#c2571a', '#3c8d40'];
const ink = { text: '#1f2933', soft: '#6b7785', grid: '#e4e8ec' };

/**
 * Prints the values as a chart that fits the terminal, averaged to its width.
 * @param {number[]} values
 * @param {{ log?: boolean, height?: number }} [how] `log`: on a logarithmic scale
 */
export function printCurve(values, { log = false, height = 8 } = {}) {
  const width = Math.min(Math.max(40, Math.min(process.stdout.columns ?? 80, 120)) - 12, 100, values.length);
  const scaled = log ? (x) => Math.log10(x) : (x) => x;
  const averaged = Array.from({ length: width }, (_, i) => {
    const bin = values.slice(Math.floor((i * values.length) / width), Math.floor(((i + 1) * values.length) / width));
    return bin.reduce((sum, value) => sum + scaled(value), 0) / bin.length;
  });
  const format = (x) =>
    Number((log ? 10 ** x : x).toPrecision(3))
      .toString()
      .padStart(9);
  console.log(asciichart.plot(averaged, { height, format }));
}

/**
 * Writes an SVG file with one curve a name.
 * @param {string} file
 * @param {{ title: string, x: string, y: string, log?: boolean, curves: Record<string, number[]> }} chart `x`, `y`: what
 *   the axes say; `log`: a logarithmic y axis. The i-th value of a curve is at step i.
 */
export function writeCurves(file, { title, x: xName, y: yName, log = false, curves }) {
  const all = Object.values(curves).flat();
  const steps = Math.max(...Object.values(curves).map(({ length }) => length));
  const x = scaleLinear([0, Math.max(1, steps - 1)], [inner.left, inner.right]);
  const y = (log ? scaleLog : scaleLinear)([Math.min(...all), Math.max(...all)], [inner.bottom, inner.top]).nice();
  const path2d = line()
    .x((_, i) => round(x(i)))
    .y((value) => round(y(value)));
  const parts = [text(inner.left, 32, title, { fill: ink.text, size: 18 })];
  const ticks = y.ticks(6).filter((tick) => !log || Math.abs(Math.log10(tick) % 1) < 1e-9);
  for (const tick of ticks) {
    const at = round(y(tick));
    parts.push(`<line x1="${inner.left}" x2="${inner.right}" y1="${at}" y2="${at}" stroke="${ink.grid}"/>`);
    parts.push(text(inner.left - 10, at + 4, String(tick), { anchor: 'end' }));
  }
  for (const tick of x.ticks(8))
    parts.push(text(round(x(tick)), inner.bottom + 20, String(tick), { anchor: 'middle' }));
  for (const [i, [name, values]] of Object.entries(curves).entries()) {
    const colour = colours[i % colours.length];
    parts.push(`<path d="${path2d(values)}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    parts.push(text(inner.left + 190 * i, 56, `— ${name}`, { fill: colour }));
  }
  parts.push(text((inner.left + inner.right) / 2, size.height - 12, xName, { anchor: 'middle' }));
  parts.push(text(18, (inner.top + inner.bottom) / 2, yName, { anchor: 'middle', turn: -90 }));
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(
    file,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="12">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`,
  );
}

function text(x, y, content, { anchor = 'start', fill = ink.soft, size: fontSize, turn }) {
  const extra = (fontSize ? ` font-size="${fontSize}"` : '') + (turn ? ` transform="rotate(${turn} ${x} ${y})"` : '');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${fill}"${extra}>${escapeXml(content)}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escapeXml(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
