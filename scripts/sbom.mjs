// The software bill of materials of a packed tarball, as CycloneDX: its dependencies by `npm sbom`, its binaries with their
// hashes, and what is linked into each, from the table of the tarball's LICENSES.md.
// Usage: node scripts/sbom.mjs TARBALL [--out FILE]
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { main, output, root, StepError, say } from './common.mjs';
import { targets } from './targets.mjs';
import { ZIG_VERSION } from './zig.mjs';

const LICENCES = /\b(Apache-2\.0 WITH LLVM-exception|LGPL-2\.1-or-later|MIT|ZPL-2\.1)\b/g;

// What stands in the table's second column.
const PLACES = {
  all: () => true,
  'linux, glibc': ({ libc }) => libc === 'glibc',
  'linux, musl': ({ libc }) => libc === 'musl',
  darwin: ({ platform }) => platform === 'darwin',
  win32: ({ platform }) => platform === 'win32',
};

/** The rows of LICENSES.md: a component each, and whether a target has it. */
function linked(text) {
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const rows = [...text.matchAll(/^\| (?!part |---)(.+) \| (.+) \| (.+) \|$/gm)];
  return rows.map(([, part, place, licence]) => {
    const name = part.replace(/\[(.*?)\]\(.*?\)/g, '$1');
    const ids = [...new Set(licence.match(LICENCES))];
    if (!PLACES[place]) throw new StepError(`LICENSES.md: which binaries are "${place}"?`);
    if (ids.length === 0) throw new StepError(`LICENSES.md: no known licence in "${licence}"`);
    // The first word of a package that npm has; the rest comes with Zig.
    const version = locked[`node_modules/${name.split(' ')[0]}`]?.version ?? `zig ${ZIG_VERSION}`;
    const component = {
      'bom-ref': `linked/${name}`,
      type: 'library',
      name,
      version,
      description: `linked into binaries; licence: ${licence}`,
      licenses:
        ids.length === 1 && !ids[0].includes(' ') ? [{ license: { id: ids[0] } }] : [{ expression: ids.join(' AND ') }],
    };
    return { component, isIn: PLACES[place] };
  });
}

/** Of each binary in the folder a component. */
function binaries(folder) {
  return targets(folder)
    .filter(({ file }) => existsSync(join(folder, file)))
    .map((target) => {
      const content = createHash('sha256')
        .update(readFileSync(join(folder, target.file)))
        .digest('hex');
      const component = {
        'bom-ref': target.file,
        type: 'file',
        name: target.file,
        hashes: [{ alg: 'SHA-256', content }],
      };
      return { target, component };
    });
}

function billOf(folder) {
  const printed = output('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'], {
    shell: process.platform === 'win32',
  });
  if (printed === null) throw new StepError('npm sbom');
  const bill = JSON.parse(printed);
  const own = bill.metadata.component;
  own.name = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name; // npm takes the folder's
  if (!existsSync(join(folder, 'LICENSES.md'))) throw new StepError('the tarball has no LICENSES.md');
  const made = binaries(folder);
  const rows = linked(readFileSync(join(folder, 'LICENSES.md'), 'utf8'));
  const parts = rows.filter(({ isIn }) => made.some(({ target }) => isIn(target)));
  if (parts.length === 0 || made.length === 0) throw new StepError('no parts in LICENSES.md, or no binaries');
  bill.components.push(...made.map(({ component }) => component), ...parts.map(({ component }) => component));
  const ref = ({ component }) => component['bom-ref'];
  bill.dependencies.find((one) => one.ref === own['bom-ref']).dependsOn.push(...made.map(ref));
  for (const one of made) {
    bill.dependencies.push({ ref: ref(one), dependsOn: parts.filter(({ isIn }) => isIn(one.target)).map(ref) });
  }
  bill.dependencies.push(...parts.map((part) => ({ ref: ref(part), dependsOn: [] })));
  return { bill, count: `${made.length} binaries, ${parts.length} linked parts` };
}

await main(() => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
  if (positionals.length !== 1) throw new StepError('usage: node scripts/sbom.mjs TARBALL [--out FILE]');
  const scratch = mkdtempSync(join(tmpdir(), 'gradtape-sbom-'));
  try {
    const unpacked = output('tar', ['-xzf', resolve(positionals[0]), '-C', scratch]);
    if (unpacked === null) throw new StepError(`${positionals[0]} does not unpack`);
    const { bill, count } = billOf(join(scratch, 'package'));
    const text = `${JSON.stringify(bill, null, 2)}\n`;
    if (!values.out) process.stdout.write(text);
    else {
      writeFileSync(values.out, text);
      say(`${values.out}: ${count}`);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
