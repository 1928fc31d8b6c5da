// Reads a shared library of any of the three formats (ELF, Mach-O, PE; 64 bits, little-endian) and says what is wrong with
// it as a prebuilt binary: what it shows, what it needs of the system, how large it is. A reader of our own, so that all
// eight are checked where they are made.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { root, StepError } from './common.mjs';
import { functions, version } from './node-api.mjs';
import { budget } from './targets.mjs';

const MB = 1e6;

class Bytes {
  constructor(buffer) {
    this.buffer = buffer;
  }
  u8 = (at) => this.buffer.readUInt8(at);
  u16 = (at) => this.buffer.readUInt16LE(at);
  u32 = (at) => this.buffer.readUInt32LE(at);
  u64 = (at) => Number(this.buffer.readBigUInt64LE(at));
  text = (at) => this.buffer.toString('latin1', at, this.buffer.indexOf(0, at));
  /** A number in as many bytes as it takes, and where the next begins. */
  uleb(at) {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return [value, at];
    }
  }
}

function readElf(b) {
  const at = b.u64(0x28);
  const sections = Array.from({ length: b.u16(0x3c) }, (_, i) => {
    const header = at + i * b.u16(0x3a);
    const [type, link] = [b.u32(header + 4), b.u32(header + 0x28)];
    return { type, link, offset: b.u64(header + 0x18), size: b.u64(header + 0x20), count: b.u32(header + 0x2c) };
  });
  const ofType = (type) => sections.filter((section) => section.type === type);
  const textIn = ({ link }, at) => b.text(sections[link].offset + at);

  const symbols = ofType(11).flatMap((table) =>
    Array.from({ length: table.size / 24 }, (_, i) => {
      const symbol = table.offset + i * 24;
      const [info, visibility] = [b.u8(symbol + 4), b.u8(symbol + 5) & 3];
      return { name: textIn(table, b.u32(symbol)), bind: info >> 4, visibility, defined: b.u16(symbol + 6) !== 0 };
    }).filter(({ bind, name }) => bind !== 0 && name !== ''),
  );
  const dynamic = ofType(6).flatMap((table) =>
    Array.from({ length: table.size / 16 }, (_, i) => [b.u64(table.offset + i * 16), b.u64(table.offset + i * 16 + 8)]),
  );
  const tagged = (tag) => dynamic.filter(([t]) => t === tag).map(([, value]) => textIn(ofType(6)[0], value));
  // Versions of symbols that are needed: a list of libraries, each with a list of versions.
  const versions = ofType(0x6ffffffe).flatMap((table) => {
    const found = [];
    for (let i = 0, need = table.offset; i < table.count; ++i, need += b.u32(need + 12)) {
      for (let k = 0, aux = need + b.u32(need + 8); k < b.u16(need + 2); ++k, aux += b.u32(aux + 12)) {
        found.push(textIn(table, b.u32(aux + 8)));
      }
    }
    return found;
  });
  return {
    format: 'ELF',
    arch: { 62: 'x64', 183: 'arm64' }[b.u16(18)],
    exports: symbols
      .filter(({ defined, visibility }) => defined && visibility !== 1 && visibility !== 2)
      .map((s) => s.name),
    imports: symbols.filter(({ defined }) => !defined).map(({ name }) => ({ name })),
    libraries: tagged(1),
    versions,
    searches: [...tagged(15), ...tagged(29)],
  };
}

function readMachO(b) {
  const found = { format: 'Mach-O', exports: [], imports: [], libraries: [], versions: [], searches: [] };
  found.arch = { 16777223: 'x64', 16777228: 'arm64' }[b.u32(4)];
  // The names that can be found from outside are a trie, whose edges are texts.
  const exportsBelow = (start, node, prefix) => {
    let [size, next] = b.uleb(start + node);
    if (size > 0) found.exports.push(prefix);
    next += size;
    let children = b.u8(next++);
    for (; children > 0; --children) {
      const edge = b.text(next);
      const [child, after] = b.uleb(next + edge.length + 1);
      exportsBelow(start, child, prefix + edge);
      next = after;
    }
  };
  // What the loader binds is written as a program for it, which sets a library and a name, and binds them.
  const bindings = new Map();
  const readBindings = (start, size, weak) => {
    let [library, name, at] = [0, '', start];
    while (at < start + size) {
      const [operation, operand] = [b.u8(at) >> 4, b.u8(at) & 15];
      const skip = () => b.uleb(at)[1];
      at += 1;
      if (operation === 1) library = operand;
      if (operation === 2) [library, at] = b.uleb(at);
      if (operation === 3) library = operand === 0 ? 0 : operand - 16; // -2: of whoever has it
      if (operation === 4) {
        name = b.text(at);
        at += name.length + 1;
      }
      if ([6, 7, 8, 10].includes(operation)) at = skip();
      if (operation === 12) {
        at = skip();
        at = skip();
      }
      if ([9, 10, 11, 12].includes(operation)) {
        const known = bindings.get(name);
        bindings.set(name, { name, library: weak ? known?.library : library, weak: weak || known?.weak === true });
      }
    }
  };
  for (let i = 0, at = 32; i < b.u32(16); ++i, at += b.u32(at + 4)) {
    const command = b.u32(at) & 0x7fffffff;
    if (command === 0x0c) found.libraries.push(b.text(at + b.u32(at + 8)));
    if (command === 0x0d) found.id = b.text(at + b.u32(at + 8));
    if (command === 0x1c) found.searches.push(b.text(at + b.u32(at + 8)));
    if (command === 0x1d) found.signed = true;
    if (command === 0x32) found.system = `${b.u16(at + 14)}.${b.u8(at + 13)}`;
    if (command === 0x22) {
      readBindings(b.u32(at + 16), b.u32(at + 20), false);
      readBindings(b.u32(at + 32), b.u32(at + 36), false);
      readBindings(b.u32(at + 24), b.u32(at + 28), true);
      if (b.u32(at + 44) > 0) exportsBelow(b.u32(at + 40), 0, '');
    }
    if (command === 0x33 || command === 0x34)
      throw new StepError('bindings in a form that scripts/binary.mjs cannot read');
  }
  for (const { name, library, weak } of bindings.values()) {
    found.imports.push({ name, weak, anywhere: library === -2, from: found.libraries[library - 1] });
  }
  const plain = (name) => name.replace(/^_/, '');
  found.exports = found.exports.map(plain);
  for (const symbol of found.imports) symbol.name = plain(symbol.name);
  return found;
}

function readPe(b) {
  const coff = b.u32(0x3c) + 4;
  const optional = coff + 20;
  const sections = Array.from({ length: b.u16(coff + 2) }, (_, i) => {
    const header = optional + b.u16(coff + 16) + i * 40;
    return { address: b.u32(header + 12), size: b.u32(header + 16), offset: b.u32(header + 20) };
  });
  const place = (address) => {
    const section = sections.find((s) => address >= s.address && address < s.address + s.size);
    if (!section) throw new StepError(`no section has address ${address}`);
    return address - section.address + section.offset;
  };
  const directory = (i) => b.u32(optional + 112 + i * 8);
  const found = { format: 'PE', arch: { 34404: 'x64', 43620: 'arm64' }[b.u16(coff)], versions: [], searches: [] };
  found.exports = [];
  if (directory(0) !== 0) {
    const table = place(directory(0));
    const names = place(b.u32(table + 32));
    found.exports = Array.from({ length: b.u32(table + 24) }, (_, i) => b.text(place(b.u32(names + i * 4))));
  }
  found.imports = [];
  if (directory(1) !== 0) {
    for (let entry = place(directory(1)); b.u32(entry + 12) !== 0; entry += 20) {
      const from = b.text(place(b.u32(entry + 12)));
      for (let thunk = place(b.u32(entry) || b.u32(entry + 16)); b.u64(thunk) !== 0; thunk += 8) {
        const byNumber = b.u32(thunk + 4) >>> 31 === 1;
        found.imports.push({ from, name: byNumber ? `#${b.u16(thunk)}` : b.text(place(b.u32(thunk)) + 2) });
      }
    }
  }
  found.libraries = [...new Set(found.imports.map(({ from }) => from))];
  return found;
}

/** What a binary shows and needs; an error if it is none. */
export function readBinary(path) {
  const buffer = readFileSync(path);
  const b = new Bytes(buffer);
  const magic = buffer.length < 64 ? 0 : b.u32(0);
  const read = magic === 0x464c457f ? readElf : magic === 0xfeedfacf ? readMachO : b.u16(0) === 0x5a4d ? readPe : null;
  if (magic === 0 || !read) throw new StepError(`${path} is no binary of 64 bits`);
  return { ...read(b), size: buffer.length, buffer };
}

const NODE_LOOKS_FOR = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];
const LIBRARIES = {
  glibc: /^(lib(c|m|pthread|dl|rt)\.so\.\d|ld-linux-(x86-64|aarch64)\.so\.\d)$/,
  musl: /^libc\.so$/,
  darwin: /^\/usr\/lib\/libSystem\.B\.dylib$/,
  win32: /^(node\.exe|KERNEL32\.dll|ADVAPI32\.dll|ntdll\.dll|api-ms-win-(crt|core)-[\w-]+\.dll)$/i,
};
const FORMATS = { linux: 'ELF', darwin: 'Mach-O', win32: 'PE' };
const GLIBC = '2.28';
const MACOS = '11.0';

const compareVersions = (a, b) => {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  return x[0] - y[0] || (x[1] ?? 0) - (y[1] ?? 0);
};

const kShownNames = 5;
const some = (names) =>
  names.slice(0, kShownNames).join(', ') +
  (names.length > kShownNames ? ` and ${names.length - kShownNames} more` : '');

/** The newest glibc whose symbols a binary asks for. */
export function glibcOf({ versions }) {
  const found = versions.filter((version) => version.startsWith('GLIBC_')).map((version) => version.slice(6));
  return found.sort(compareVersions).at(-1);
}

/** All that keeps a binary from being the one of a target ({ platform, arch, libc }), a line each. */
export function binaryFaults(binary, { platform, arch, libc }) {
  const faults = [];
  const { format, exports, imports, libraries, versions, searches, size, buffer } = binary;
  if (format !== FORMATS[platform] || binary.arch !== arch) faults.push(`it is ${format} for ${binary.arch}`);
  if (size > budget[arch]) faults.push(`it has ${(size / MB).toFixed(2)} MB, more than ${budget[arch] / MB}`);
  const lost = NODE_LOOKS_FOR.filter((name) => !exports.includes(name));
  if (lost.length > 0) faults.push(`it does not show ${some(lost)}, which Node looks for`);
  // Zig's linker shows a macOS library's own address, which nobody asks others for.
  const shown = exports.filter(
    (name) =>
      !NODE_LOOKS_FOR.includes(name) && !(platform === 'darwin' && /^(__dso_handle|_mh_dylib_header)$/.test(name)),
  );
  if (shown.length > 0) faults.push(`it shows ${some(shown)}`);
  const unknown = libraries.filter((name) => !LIBRARIES[libc ?? platform].test(name));
  if (unknown.length > 0) faults.push(`it needs ${some(unknown)}`);
  if (searches.length > 0) faults.push(`it looks for libraries in ${searches.join(', ')}`);

  // Node's functions of the version that we ask for, of nobody or of node.exe; of the system's only where that is said.
  const isNapi = ({ name }) => /^(napi|node_api)_/.test(name);
  const newer = imports.filter((symbol) => isNapi(symbol) && !functions.has(symbol.name));
  if (newer.length > 0) faults.push(`it calls ${some(newer.map((s) => s.name))}, newer than Node-API ${version}`);
  const stray = imports.filter((symbol) => {
    // Of a type's description any library's will do, and the loader keeps ours where nobody shows one.
    const taken = symbol.weak && !/^_ZT[IS]/.test(symbol.name);
    if (platform === 'darwin') return taken || symbol.anywhere !== isNapi(symbol);
    return platform === 'win32' && (symbol.from.toLowerCase() === 'node.exe') !== isNapi(symbol);
  });
  if (stray.length > 0) faults.push(`it binds ${some(stray.map((s) => `${s.name} of ${s.from ?? 'whoever has it'}`))}`);

  const glibc = glibcOf(binary);
  if (libc === 'glibc' && !glibc) faults.push('it asks for no version of glibc');
  if (libc === 'glibc' && glibc && compareVersions(glibc, GLIBC) > 0) faults.push(`it needs glibc ${glibc}`);
  const others = versions.filter((version) => libc !== 'glibc' || !version.startsWith('GLIBC_'));
  if (others.length > 0) faults.push(`it needs ${some(others)}`);
  if (platform === 'darwin') {
    if (binary.system !== MACOS) faults.push(`it needs macOS ${binary.system}, not ${MACOS}`);
    if (arch === 'arm64' && !binary.signed) faults.push('it is not signed, and Apple silicon runs nothing unsigned');
  }
  const places = [root, homedir()].filter((place) => place.length > 1 && buffer.includes(place));
  if (places.length > 0) faults.push(`it names ${places.join(', ')}, where it was built`);
  return faults;
}
