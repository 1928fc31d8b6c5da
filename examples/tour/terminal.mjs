// What the tour shows in a terminal: prose, a progress bar, a loss curve and digits. Without a terminal (a pipe, CI)
// the same things come as plain lines without colours or cursor movement.
import asciichart from 'asciichart';
import cliProgress from 'cli-progress';

const out = process.stdout;
const live = out.isTTY === true;
const colours = live && out.hasColors() && !process.env.NO_COLOR;
const trueColour = colours && out.hasColors(2 ** 24);

const paint = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = paint('1');
const dim = paint('2');
const cyan = paint('36');
const red = paint('31');

export function columns() {
  return Math.max(40, Math.min(out.columns ?? 80, 120));
}

export function say(text = '') {
  out.write(`${text}\n`);
}

export function chapter(number, title) {
  say();
  say(bold(`${number}. ${title}`));
  say(dim('─'.repeat(Math.min(columns(), 80))));
}

/** A line of prose, wrapped. */
export function prose(text) {
  const width = Math.min(columns(), 100);
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > width) {
      say(line);
      line = '';
    }
    line += line ? ` ${word}` : word;
  }
  say(line);
}

/** Code as the reader would write it. */
export function code(text) {
  for (const line of text.trim().split('\n')) say(line && cyan(`  ${line}`));
}

/** What the code printed. */
export function output(text) {
  for (const line of text.split('\n')) say(`  ${line}`);
}

/** An error, as Node shows one that nobody caught. */
export function failure(error) {
  for (const line of [`Uncaught ${error.name}: ${error.message} {`, `  code: '${error.code}'`, '}']) output(red(line));
}

const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * Progress through `total` samples: a bar in a terminal, a line every tenth otherwise.
 * @returns {{ at(done: number, loss: number, rate: number): void, stop(): void }}
 */
export function progress(label, total) {
  const facts = (loss, rate) => ({ loss: loss.toFixed(4), rate: count.format(rate).padStart(7) });
  if (live) {
    const bar = new cliProgress.SingleBar(
      {
        format: `${label} ${cyan('{bar}')} {percentage}% · loss {loss} · {rate} samples/s · {eta_formatted} left`,
        barsize: Math.max(8, Math.min(40, columns() - label.length - 62)),
        hideCursor: true,
        gracefulExit: false, // main.mjs ends the run
        fps: 12,
      },
      cliProgress.Presets.shades_classic,
    );
    bar.start(total, 0, { loss: '-', rate: '-'.padStart(7) });
    return {
      at: (done, loss, rate) => bar.update(done, facts(loss, rate)),
      stop: () => bar.stop(),
    };
  }
  let tenths = 0;
  return {
    at(done, loss, rate) {
      const reached = Math.floor((10 * done) / total);
      if (reached === tenths) return;
      tenths = reached;
      const shown = facts(loss, rate);
      const percent = `${Math.floor((100 * done) / total)}%`.padStart(4);
      say(`${label} ${percent} · loss ${shown.loss} · ${shown.rate} samples/s`);
    },
    stop() {},
  };
}

/** A loss curve on a logarithmic scale that fits the terminal; values are averaged to its width. */
export function lossChart(losses, height = 10) {
  const width = Math.min(columns() - 12, 100, losses.length);
  const averaged = Array.from({ length: width }, (_, i) => {
    const bin = losses.slice(Math.floor((i * losses.length) / width), Math.floor(((i + 1) * losses.length) / width));
    return Math.log10(bin.reduce((sum, loss) => sum + loss, 0) / bin.length);
  });
  for (const line of asciichart
    .plot(averaged, { height, format: (x) => (10 ** x).toFixed(3).padStart(8) })
    .split('\n')) {
    const axis = line.search(/[┤┼]/) + 1;
    say(dim(line.slice(0, axis)) + cyan(line.slice(axis).trimEnd()));
  }
  say();
}

/**
 * Digits side by side, two rows of pixels a line.
 * @param {{ pixels: Uint8Array, caption: string }[]} digits 28 x 28 pixels each
 */
export function drawDigits(digits) {
  const margin = 3; // MNIST leaves a border around every digit
  const side = 28 - 2 * margin;
  const gap = '   ';
  const fitting = Math.max(1, Math.floor((columns() + gap.length) / (side + gap.length)));
  const each = Math.ceil(digits.length / Math.ceil(digits.length / fitting)); // rows of equal length
  for (let first = 0; first < digits.length; first += each) {
    const shown = digits.slice(first, first + each);
    for (let row = 0; row < side; row += 2) {
      const line = shown.map(({ pixels }) => {
        let text = '';
        for (let column = 0; column < side; column++) {
          const at = (row + margin) * 28 + column + margin;
          text += halfBlock(pixels[at], pixels[at + 28]);
        }
        return trueColour ? `${text}\x1b[0m` : text;
      });
      say(line.join(gap).trimEnd());
    }
    say(
      shown
        .map(({ caption }) => caption.padEnd(side))
        .join(gap)
        .trimEnd(),
    );
    say();
  }
}

// One character holds two pixels: the upper one in the letter's colour, the lower one in the ground's.
function halfBlock(upper, lower) {
  if (trueColour) {
    const grey = (value) => `${value};${value};${value}`;
    return `\x1b[38;2;${grey(upper)};48;2;${grey(lower)}m▀`;
  }
  const ink = 96;
  if (upper < ink) return lower < ink ? ' ' : '▄';
  return lower < ink ? '▀' : '█';
}
