// Draws the loss of every training step, its running mean and the test accuracy after each epoch as an SVG file.
import { writeFileSync } from 'node:fs';
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';

const size = { width: 880, height: 460 };
const inner = { left: 72, right: 852, top: 92, bottom: 402 };
const ink = { text: '#1f2933', soft: '#6b7785', grid: '#e4e8ec', steps: '#b9d4ee', mean: '#1f6fb2', mark: '#c2571a' };

/**
 * @param {string} path
 * @param {{ losses: number[], epochs: { step: number, accuracy: number }[], title: string }} run
 */
export function writeLossCurve(path, { losses, epochs, title }) {
  const mean = runningMean(losses, 20);
  const low = Math.min(...mean.slice(Math.floor(mean.length / 2)), ...losses.slice(-50));
  const x = scaleLinear([1, Math.max(2, losses.length)], [inner.left, inner.right]);
  const y = scaleLog([Math.max(low * 0.7, 1e-4), Math.max(...losses) * 1.1], [inner.bottom, inner.top]).clamp(true);
  const path2d = line()
    .x((_, i) => round(x(i + 1)))
    .y((loss) => round(y(loss)));
  const parts = [];

  for (const tick of logTicks(y.domain())) {
    const at = round(y(tick));
    parts.push(`<line x1="${inner.left}" x2="${inner.right}" y1="${at}" y2="${at}" stroke="${ink.grid}"/>`);
    parts.push(text(inner.left - 10, at + 4, String(tick), { anchor: 'end' }));
  }
  for (const tick of x.ticks(7)) {
    const at = round(x(tick));
    if (tick === 0) continue;
    parts.push(`<line x1="${at}" x2="${at}" y1="${inner.bottom}" y2="${inner.bottom + 5}" stroke="${ink.soft}"/>`);
    parts.push(text(at, inner.bottom + 21, tick.toLocaleString('en-US'), { anchor: 'middle' }));
  }
  parts.push(
    `<line x1="${inner.left}" x2="${inner.right}" y1="${inner.bottom}" y2="${inner.bottom}" stroke="${ink.soft}"/>`,
  );
  parts.push(`<path d="${path2d(losses)}" fill="none" stroke="${ink.steps}" stroke-width="1"/>`);
  parts.push(
    `<path d="${path2d(mean)}" fill="none" stroke="${ink.mean}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"/>`,
  );
  for (const [i, { step, accuracy }] of epochs.entries()) {
    const at = round(x(step));
    const last = i === epochs.length - 1;
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${inner.top - 8}" y2="${inner.bottom}" stroke="${ink.mark}" stroke-opacity="0.45" stroke-dasharray="3 4"/>`,
    );
    const label = `${(100 * accuracy).toFixed(2)} %`;
    parts.push(text(at, inner.top - 14, label, { anchor: last ? 'end' : 'middle', fill: ink.mark, weight: 600 }));
  }
  parts.push(text(inner.left, 34, title, { fill: ink.text, size: 18, weight: 600 }));
  parts.push(legend(inner.left, 54));
  parts.push(text((inner.left + inner.right) / 2, size.height - 14, 'training step', { anchor: 'middle' }));
  const middle = (inner.top + inner.bottom) / 2;
  parts.push(text(20, middle, 'cross entropy', { anchor: 'middle', turn: -90 }));

  writeFileSync(
    path,
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" width="${size.width}" height="${size.height}" font-family="system-ui, 'Helvetica Neue', Arial, sans-serif" font-size="12">
<title>${escapeXml(title)}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`,
  );
}

function legend(left, top) {
  const entry = (at, colour, width, dash, label) =>
    `<line x1="${at}" x2="${at + 22}" y1="${top}" y2="${top}" stroke="${colour}" stroke-width="${width}"${dash}/>` +
    text(at + 29, top + 4, label, {});
  return [
    entry(left, ink.steps, 1.5, '', 'loss of each step'),
    entry(left + 150, ink.mean, 2.5, '', 'running mean'),
    entry(left + 275, ink.mark, 1.5, ' stroke-dasharray="3 4"', 'end of an epoch, accuracy on the test digits'),
  ].join('\n');
}

function text(x, y, content, { anchor = 'start', fill = ink.soft, size: fontSize, weight, turn }) {
  const extra = [
    fontSize ? ` font-size="${fontSize}"` : '',
    weight ? ` font-weight="${weight}"` : '',
    turn ? ` transform="rotate(${turn} ${x} ${y})"` : '',
  ].join('');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${fill}"${extra}>${escapeXml(content)}</text>`;
}

// 1, 2 and 5 times the powers of ten.
function logTicks([low, high]) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const digit of [1, 2, 5]) {
      const tick = Number(`${digit}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

// The mean of `reach` values before and after each, and of fewer near the ends, so that it lags behind nowhere.
function runningMean(values, reach) {
  return values.map((_, i) => {
    const near = Math.min(reach, i, values.length - 1 - i);
    return values.slice(i - near, i + near + 1).reduce((sum, value) => sum + value, 0) / (2 * near + 1);
  });
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escapeXml(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
