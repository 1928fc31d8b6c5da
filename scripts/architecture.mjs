// What ARCHITECTURE.md says of files and folders, read from the code and written between the markers of the page. With --check nothing
// is written: what differs is told, and what the page (or CONTRIBUTING.md) names and the code has not.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow, main, output, root, StepError, say } from './common.mjs';

const pageName = 'ARCHITECTURE.md';
const mend = 'node scripts/architecture.mjs';
const kWidth = 128; // of a line of the tree

const read = (file) => readFileSync(join(root, file), 'utf8');
const below = (folder) => filesBelow(folder).map((file) => file.split('\\').join('/'));

// ---- opening comments ----

/** The text of the comment that a file opens with, its lines joined, up to the first empty line of it; '' if there is none. */
export function openingComment(text) {
  const body = text.replace(/^#!.*\n/, '');
  const block = /^\/\*\*([\s\S]*?)\*\//.exec(body) ?? /^"""([\s\S]*?)"""/.exec(body);
  const lines = block ? block[1].split('\n').map((line) => line.replace(/^\s*\* ?/, '')) : lineComment(body);
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first < 0) return '';
  const end = lines.findIndex((line, i) => i > first && line.trim() === '');
  return lines
    .slice(first, end < 0 ? undefined : end)
    .map((line) => line.trim())
    .join(' ');
}

function lineComment(text) {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('//'));
  return lines.slice(0, end < 0 ? undefined : end).map((line) => line.slice(2));
}

/** The first sentence of a text, with its stop; '' if none ends. A stop within a word (math.ts, 1.5) or after e.g. and i.e. ends none. */
export function firstSentence(text) {
  return /^.*?(?<!\b(?:e\.g|i\.e))[.!?](?=\s|$)/.exec(text)?.[0] ?? '';
}

// ---- the two ladders ----

/** The rungs of lib/ in order, each with the pattern of its files. */
function libRungs() {
  const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs'));
  return forbidden.flatMap(({ name, from }) => {
    const rung = /^rung-\d+-(.+)$/.exec(name)?.[1];
    return rung ? [{ name: rung, pattern: new RegExp(from.path) }] : [];
  });
}

/** The folders of native/ in order, as the check of the house has them. */
function nativeLadder() {
  const house = below('test').find((file) => basename(file) === 'house.test.ts');
  const list = house && /nativeLadder = \[([^\]]+)\]/.exec(read(house))?.[1];
  if (!list) throw new StepError('architecture: house.test.ts has no list nativeLadder');
  return [...list.matchAll(/'(\w+)'/g)].map(([, name]) => name);
}

// ---- the tree ----

/** Files of one folder with what they are: [names, sentence]. A .cc without a comment goes with the header that it includes first. */
function entriesOf(files) {
  const entries = new Map();
  const followers = [];
  for (const file of files) {
    const text = read(file);
    const sentence = firstSentence(openingComment(text));
    const header = /\.cc$/.test(file) && sentence === '' ? /^#include "([^"]+)"/m.exec(text)?.[1] : undefined;
    if (header) followers.push([file, posix.join(posix.dirname(file), header)]);
    else entries.set(file, { names: [basename(file)], sentence });
  }
  for (const [file, header] of followers) {
    const entry = entries.get(header);
    if (entry) entry.names.push(basename(file));
    else entries.set(file, { names: [basename(file)], sentence: '' });
  }
  return [...entries].map(([file, { names, sentence }]) => ({ file, name: names.join(' '), sentence }));
}

function wrapped(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function drawn(folder, entries) {
  const speaking = entries.filter(({ sentence }) => sentence !== '');
  const silent = entries.filter(({ sentence }) => sentence === '').map(({ name }) => name);
  const column = Math.max(0, ...speaking.map(({ name }) => name.length)) + 2;
  const lines = speaking.flatMap(({ name, sentence }) =>
    wrapped(sentence, kWidth - 2 - column).map((line, i) => `${(i === 0 ? name : '').padEnd(column)}${line}`),
  );
  if (silent.length > 0) lines.push(...wrapped(silent.join(' '), kWidth - 2));
  return [`${folder}/`, ...lines.map((line) => `  ${line}`)];
}

/** Files by their folders, in the order of the rungs; folders within a folder after it. */
function byFolder(files, rungOf) {
  const folders = new Map();
  for (const file of files) {
    const folder = posix.dirname(file);
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return [...folders].sort(([a, [x]], [b, [y]]) => rungOf(x) - rungOf(y) || (a < b ? -1 : 1));
}

/** The tree of a part of the house, and the files of it that do not say what they are. */
function tree(files, rungOf) {
  const silent = [];
  const blocks = byFolder(files, rungOf).map(([folder, members]) => {
    const entries = entriesOf(members);
    silent.push(...entries.filter(({ sentence }) => sentence === '').map(({ file }) => file));
    return drawn(folder, entries).join('\n');
  });
  return { text: ['```', blocks.join('\n\n'), '```'].join('\n'), silent };
}

// ---- the graphs ----

/** The edges of a graph without cycles (name to names) that no longer way makes needless. */
export function reduced(graph) {
  const reach = new Map();
  const reachOf = (node) => {
    if (!reach.has(node)) {
      const found = new Set();
      for (const next of graph.get(node) ?? []) for (const far of [next, ...reachOf(next)]) found.add(far);
      reach.set(node, found);
    }
    return reach.get(node);
  };
  return new Map(
    [...graph].map(([node, nexts]) => [
      node,
      [...nexts].filter((next) => ![...nexts].some((other) => other !== next && reachOf(other).has(next))),
    ]),
  );
}

function mermaid(graph, labels) {
  const nodes = [...labels].map(([name, label]) => `  ${name}["${label}"]`);
  const edges = [...reduced(graph)].flatMap(([from, tos]) => [...tos].map((to) => `  ${from} --> ${to}`));
  return ['```mermaid', 'flowchart TD', ...nodes, ...edges, '```'].join('\n');
}

/** Rung to the rungs that it imports from, the highest first. `links`: pairs of rungs' numbers. */
function graphOf(names, links) {
  const graph = new Map();
  for (let from = names.length - 1; from >= 0; from--) {
    const tos = new Set(links.flatMap(([a, b]) => (a === from && b !== from ? [b] : [])));
    graph.set(names[from], new Set([...tos].sort((a, b) => b - a).map((to) => names[to])));
  }
  return graph;
}

function libLinks(rungOf) {
  const cruiser = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const report = output(process.execPath, [cruiser, 'lib', '--output-type', 'json'], { maxBuffer: 1 << 28 });
  if (report === null) throw new StepError('architecture: dependency-cruiser failed; depcruise lib says why');
  return JSON.parse(report).modules.flatMap(({ source, dependencies }) =>
    dependencies.map(({ resolved }) => [rungOf(source), rungOf(resolved)]).filter(([a, b]) => a >= 0 && b >= 0),
  );
}

function nativeLinks(files, rungOf) {
  return files.flatMap((file) =>
    [...read(file).matchAll(/^\s*#include "([^"]+)"/gm)].map(([, path]) => {
      const own = posix.join(posix.dirname(file), path);
      return [rungOf(file), rungOf(existsSync(join(root, own)) ? own : `native/${path}`)];
    }),
  );
}

/** What stands between the markers, by the markers' names; and the files that do not say what they are. */
export function sections() {
  const rungs = libRungs();
  const names = rungs.map(({ name }) => name);
  const libRung = (file) => rungs.findIndex(({ pattern }) => pattern.test(file));
  const libFiles = below('lib').filter((file) => file.endsWith('.ts'));
  const lib = tree(libFiles, libRung);

  const ladder = nativeLadder();
  const nativeRung = (file) => ladder.indexOf(/^native\/(\w+)\//.exec(file)?.[1]);
  const nativeFiles = below('native').filter((file) => /\.(cc|h|def|py)$/.test(file));
  const onLadder = nativeFiles.filter((file) => nativeRung(file) >= 0);
  const native = tree(nativeFiles, (file) => (nativeRung(file) < 0 ? ladder.length : nativeRung(file)));

  const testFiles = below('test').filter((file) => /\.(ts|py)$/.test(file));
  const test = tree(testFiles, () => 0);

  const entries = libFiles.filter((file) => libRung(file) === names.indexOf('top'));
  const libLabels = new Map(
    names.map((name) => [name, name === 'top' ? entries.map((file) => basename(file, '.ts')).join(', ') : `${name}/`]),
  );
  const libGraph = graphOf(names, libLinks(libRung));
  const nativeGraph = graphOf(ladder, nativeLinks(onLadder, nativeRung));
  return {
    texts: {
      'lib-tree': lib.text,
      'native-tree': native.text,
      'test-tree': test.text,
      'lib-graph': mermaid(libGraph, libLabels),
      'native-graph': mermaid(nativeGraph, new Map(ladder.map((name) => [name, `${name}/`]))),
    },
    silent: [...lib.silent, ...native.silent],
    rungs: names,
    ladder,
    rooms: [...new Set(testFiles.flatMap((file) => /^test\/(\w+)\//.exec(file)?.[1] ?? []))].sort(),
  };
}

// ---- the page ----

const marked = (name) => new RegExp(`(<!-- ${name}:begin -->\\n)([\\s\\S]*?)(<!-- ${name}:end -->)`);

/** The page with its sections as they should be. */
export function mended(page, { texts }) {
  let text = page;
  for (const [name, section] of Object.entries(texts)) {
    if (!marked(name).test(text))
      throw new StepError(`architecture: ${pageName} has no markers ${name}:begin and ${name}:end`);
    text = text.replace(marked(name), (_, begin, __, end) => `${begin}\n${section}\n\n${end}`);
  }
  return text;
}

// What the prose says in code: neither what is generated nor blocks of code.
function spansOf(page) {
  const prose = page.replace(/<!-- ([\w-]+):begin -->[\s\S]*?<!-- \1:end -->/g, '').replace(/^```[\s\S]*?^```/gm, '');
  return [...new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span))];
}

const made = /^(build|dist|prebuilds|node_modules)\b/; // by commands
const pathLike = /^(?:[\w.*-]+\/)+[\w.*-]*$|^[\w.*-]+\.(?:ts|mjs|cjs|cc|h|def|md|json|gypi|py)$/;

/** The paths in code spans that lead nowhere. A path may leave out where it begins, and have stars; a header may be of another package. */
export function deadPaths(page, files, sources) {
  return spansOf(page).filter((span) => {
    if (!pathLike.test(span) || made.test(span) || sources.includes(`#include <${span}>`)) return false;
    const body = span
      .split('*')
      .map((part) => part.replace(/[.]/g, '\\.'))
      .join('[^/]*');
    const pattern = new RegExp(`(^|/)${body}${span.endsWith('/') ? '' : '($|/)'}`);
    return !files.some((file) => pattern.test(file));
  });
}

/** The names in code spans that no source has. */
export function deadNames(page, sources) {
  return spansOf(page).filter((span) => {
    const name = /^([A-Za-z_]\w*)(?:\(\))?$/.exec(span)?.[1];
    return name !== undefined && !new RegExp(`\\b${name}\\b`).test(sources);
  });
}

/** The folders that the table under a heading describes, in its order. */
function describedIn(page, heading) {
  const part = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...part.matchAll(/^\| `([\w./*]+)` \|/gm)].map(([, name]) => name.replace(/\/$/, ''));
}

/** What is between markers and should not be, and the other way round. */
function differences(page, { texts }) {
  return Object.entries(texts).flatMap(([name, text]) => {
    const section = marked(name).exec(page)?.[2].trim() ?? '';
    if (section === text) return [];
    const is = section.split('\n');
    const should = text.split('\n');
    return [
      `${pageName}: ${name} is not as the code is`,
      ...is.filter((line) => !should.includes(line)).map((line) => `  - ${line}`),
      ...should.filter((line) => !is.includes(line)).map((line) => `  + ${line}`),
    ];
  });
}

/** All that is wrong with ARCHITECTURE.md beside the code, a line each. */
export function problems(page, found, files, sources) {
  const wrong = found.silent.map((file) => `${file}: opens with no sentence that says what it is`);
  wrong.push(...differences(page, found));
  for (const [part, names] of [
    ['lib', found.rungs],
    ['native', found.ladder],
    ['test', found.rooms],
  ]) {
    const described = describedIn(page, `The folders of ${part}/`);
    const expected = names.map((name) => (name === 'top' ? 'lib/*.ts' : name));
    if (described.join() === expected.join()) continue;
    wrong.push(
      `${pageName}: the table of ${part}/ has ${described.join(', ')}; its folders are ${expected.join(', ')}`,
    );
  }
  wrong.push(...deadPaths(page, files, sources).map((span) => `${pageName}: names ${span}, which is no file`));
  wrong.push(...deadNames(page, sources).map((span) => `${pageName}: names ${span}, which is in no source`));
  return wrong;
}

/** The files that the documents may name. */
export function allFiles() {
  const folders = ['lib', 'native', 'test', 'scripts', 'bin', 'bench', 'examples', 'docs', '.ci'];
  const others = ['CMakeLists.txt', 'binding.gyp', 'package.json', '.dependency-cruiser.cjs', 'vitest.config.ts'];
  const pages = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', 'CHANGELOG.md'];
  return [...folders.flatMap(below), ...[...others, ...pages].filter((file) => existsSync(join(root, file)))];
}

/** The text of all that is code, in which a name can be found; but for the tests of this script. */
export function textOf(files) {
  const code = /^(lib|native|scripts|test)\/.*\.(ts|mjs|cc|h|def|gypi)$|^[^/]+\.(txt|gyp|cjs|json)$/;
  return files
    .filter((file) => code.test(file) && basename(file) !== 'architecture.test.ts')
    .map(read)
    .join('\n');
}

/** All that is wrong, a line each. */
export function check(found = sections()) {
  const files = allFiles();
  const sources = textOf(files);
  const dead = deadPaths(read('CONTRIBUTING.md'), files, sources);
  return [
    ...problems(read(pageName), found, files, sources),
    ...dead.map((span) => `CONTRIBUTING.md: names ${span}, which is no file`),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(() => {
    if (!process.argv.includes('--check')) {
      const page = read(pageName);
      const text = mended(page, sections());
      if (text !== page) writeFileSync(join(root, pageName), text);
      say(text === page ? `${pageName} is as the code is` : `${pageName} is written`);
    }
    const wrong = check();
    if (wrong.length > 0) throw new StepError(`${wrong.join('\n')}\n${mend} writes what is between markers`);
  });
}
