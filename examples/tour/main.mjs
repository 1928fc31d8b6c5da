// The tour (`npm start`): first gradients, then a network that learns to read handwritten digits.
//   node examples/tour/main.mjs [--epochs N] [--samples N] [--out FOLDER]
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    epochs: { type: 'string' },
    samples: { type: 'string' },
    out: { type: 'string', default: fileURLToPath(new URL('../../out', import.meta.url)) },
  },
});

const size = {
  ...(options.epochs && { epochs: positive('epochs') }),
  ...(options.samples && { samples: Math.min(positive('samples'), 60_000) }),
};

const stop = new AbortController();
for (const [signal, name, exitCode] of [
  ['SIGINT', 'Ctrl-C', 130],
  ['SIGTERM', 'SIGTERM', 143],
]) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(exitCode); // asked twice
    process.exitCode = exitCode;
    stop.abort(name);
  });
}
// A reader that closes early (`npm start | head`) is no failure.
process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const { seed } = await chapterFrom('./seed.mjs');
const { digits } = await chapterFrom('./digits.mjs');

seed();
const accuracy = await digits({ ...size, folder: options.out, signal: stop.signal });
if (accuracy !== undefined && !size.epochs && !size.samples && accuracy < 0.97) {
  console.error(
    `The network should read at least 97 % of the test digits, but reads ${(100 * accuracy).toFixed(2)} %.`,
  );
  process.exitCode = 1;
}

function positive(name) {
  const value = Number(options[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`--${name} takes a whole number above 0, not '${options[name]}'`);
  process.exit(2);
}

async function chapterFrom(file) {
  try {
    return await import(file);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error;
    console.error(
      `${error.message}\nThe tour needs the built library and the development packages: run 'npm start', which sees to both.`,
    );
    process.exit(1);
  }
}
