// Writes the figures of a results file into README.md: `node bench/readme.mjs [file]`, without a file the one it names already.
// `--check` changes nothing and exits with 1 if the section differs from the file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { show } from './report.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = `${root}README.md`;
const marked = /<!-- bench: (\S+) -->\n[\s\S]*?<!-- \/bench -->/;

// What the README shows; a row whose case the file lacks is left out.
const rows = {
  'seed-gradient': '`y = 2x**3 + 5x**2 + 3x`: record, gradient, item',
  'seed-second': 'its second derivative, nested tapes',
  chain: 'a recorded scalar op',
  'fused-1e6': 'sum(tanh(x*w+b)^2), 1e6 float32',
  'fused-gradient-1e6': 'the same with its three gradients',
  'matmul-512': 'matrix product 512, float32',
  'conv-forward': 'convolution 3x3, 32 to 64 channels',
  'mlp-sgd': 'training step, network 784-512-256-10, batch 128, SGD',
  'mlp-sgd@2': 'the same, two threads',
  'mlp-hvp': "Hessian-vector product of the network's loss",
  'memory-training-peak': 'peak memory of the training process',
};
const columns = ['torch', 'tensorflow-function', 'jax-jit', 'onnxruntime', 'tfjs-wasm', 'jax-js-jit', 'deepbox'];

function table({ cases, peers }) {
  const names = columns.filter((name) => peers[name]);
  const cell = (side) => (side?.median === undefined ? '' : `${show(side.median)} ${side.unit}`);
  const lines = Object.entries(rows)
    .filter(([id]) => cases[id]?.gradtape.median !== undefined)
    .map(([id, text]) => [text, cell(cases[id].gradtape), ...names.map((name) => cell(cases[id][name]))]);
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return [row(['what', 'gradtape', ...names]), row(['what', '', ...names].map(() => '---')), ...lines.map(row)].join(
    '\n',
  );
}

/** The section of README.md that tells a results file. */
function section(file) {
  const result = JSON.parse(readFileSync(`${root}${file}`, 'utf8'));
  const { cpu, cores, isa, node, date } = result.machine;
  const versions = columns.filter((name) => result.peers[name]).map((name) => `${name} ${result.peers[name]}`);
  const chart = file.replace(/\.json$/, '.svg');
  return [
    `<!-- bench: ${file} -->`,
    `Medians of one run on one thread of a ${cores}-core ${cpu} (${isa}), Node ${node}, ${date.slice(0, 10)}, from`,
    `\`${file}\`, beside ${versions.join(', ')}.`,
    '',
    table(result),
    ...(existsSync(`${root}${chart}`) ? ['', `![How long opponents take, in times of gradtape](${chart})`] : []),
    '<!-- /bench -->',
  ].join('\n');
}

const check = process.argv.includes('--check');
const named = process.argv.slice(2).find((argument) => argument !== '--check');
const text = readFileSync(readme, 'utf8');
const found = marked.exec(text);
if (!found) throw new Error('README.md has no section <!-- bench: file --> ... <!-- /bench -->');
const wanted = section(named ?? found[1]);
if (check) {
  if (found[0] !== wanted) {
    console.error(`bench: README.md differs from ${found[1]}; node bench/readme.mjs writes it anew`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(
    readme,
    text.replace(marked, () => wanted),
  );
  console.log(`bench: README.md has the figures of ${named ?? found[1]}`);
}
