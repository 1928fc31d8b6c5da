// What a release is made of: the checks before it, its bill of materials, and what its workflows may do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { read, root } from '../support/files.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gradtape-release-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

function script(
  name: string,
  args: string[],
  env: Record<string, string> = {},
): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts', name), ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, said: stdout + stderr };
}

describe('before a release', () => {
  const good = {
    'package.json': JSON.stringify({ version: '1.2.3', repository: { url: 'git+https://github.com/some/body.git' } }),
    'package-lock.json': JSON.stringify({ version: '1.2.3' }),
    'CHANGELOG.md': '# Changelog\n\n## 1.2.3\n\n- Faster.\n\n## 1.2.2\n\n- Slower.\n',
    '.changeset/README.md': 'How.\n',
  };
  function check(changed: Record<string, string> = {}, tag = 'v1.2.3'): string {
    write({ ...good, ...changed });
    const { status, said } = script('release.mjs', ['check', folder], {
      GITHUB_REF_NAME: tag,
      GITHUB_REPOSITORY: 'some/body',
    });
    return status === 0 ? 'ready' : said;
  }

  test('all that must agree agrees', () => {
    expect(check()).toBe('ready');
    expect(script('release.mjs', ['notes', folder]).said).toBe('- Faster.\n');
  });

  test('the tag, the lock, the changelog or the repository is another', () => {
    expect(check({}, 'v1.2.4')).toContain('the tag is v1.2.4, package.json has 1.2.3');
    expect(check({ 'package-lock.json': '{ "version": "1.2.2" }' })).toContain('package-lock.json has another version');
    expect(check({ 'CHANGELOG.md': '## 1.2.3 (unreleased)\n\n- Faster.\n' })).toContain('no section "## 1.2.3"');
    expect(check({ 'CHANGELOG.md': '## 1.2.3\n\n## 1.2.2\n\n- Slower.\n' })).toContain('or an empty one');
    const elsewhere = { version: '1.2.3', repository: 'https://github.com/any/body' };
    expect(check({ 'package.json': JSON.stringify(elsewhere) })).toContain('the release comes from some/body');
    expect(check({ 'package.json': '{ "version": "1.2.3" }' })).toContain(
      'not there, the release comes from some/body',
    );
  });

  test('a note that no version has', () => {
    const note = join('.changeset', 'quick-dogs.md');
    expect(check({ [note]: '---\n"gradtape": minor\n---\n\nQuicker.\n' })).toContain(
      'without a version: quick-dogs.md',
    );
    rmSync(join(folder, note));
    expect(check()).toBe('ready');
  });
});

describe('the bill of materials', () => {
  interface Bill {
    metadata: { component: { name: string } };
    components: { 'bom-ref': string; licenses?: unknown[]; hashes?: { content: string }[] }[];
    dependencies: { ref: string; dependsOn: string[] }[];
  }
  const linux = 'prebuilds/linux-x64/gradtape.musl.node';
  const windows = 'prebuilds/win32-arm64/gradtape.node';

  // A tarball of the real manifest and licences, with these binaries.
  function bill(licences = read('LICENSES.md')): { status: number | null; said: string } {
    write({
      'package/package.json': read('package.json'),
      'package/LICENSES.md': licences,
      [`package/${linux}`]: 'musl',
      [`package/${windows}`]: 'windows',
    });
    const tarball = join(folder, 'package.tgz');
    expect(spawnSync('tar', ['-czf', tarball, '-C', folder, 'package']).status).toBe(0);
    return script('sbom.mjs', [tarball]);
  }

  test('names dependencies, binaries and what is linked into each', () => {
    const { said } = bill();
    const { metadata, components, dependencies } = JSON.parse(said) as Bill;
    const names = components.map((component) => component['bom-ref']);
    const linkedInto = (ref: string): string => String(dependencies.find((one) => one.ref === ref)?.dependsOn);
    expect(metadata.component.name).toBe('gradtape');
    const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    for (const name of Object.keys(manifest.dependencies)) expect(names.join(' ')).toContain(`${name}@`);
    expect(names).toContain(linux);
    const hash = components.find((component) => component['bom-ref'] === linux)?.hashes?.[0]?.content;
    expect(hash).toBe(createHash('sha256').update('musl').digest('hex'));
    for (const ref of [linux, windows]) expect(linkedInto(ref)).toMatch(/libc\+\+.*compiler-rt/);
    expect(linkedInto(linux)).toContain('musl');
    expect(linkedInto(linux)).not.toMatch(/glibc|mingw/);
    expect(linkedInto(windows)).toContain('mingw');
    expect(names.filter((name) => /glibc/.test(name))).toEqual([]);
    const libraries = components.filter(({ hashes }) => hashes === undefined);
    expect(libraries.filter(({ licenses }) => !licenses?.length)).toEqual([]);
  });

  test('a licence or a place that nobody knows', () => {
    const row = '| a library | all | Unheard-of-1.0 |\n';
    const withRow = (line: string): string => read('LICENSES.md').replace(/^(\| --- .*\n)/m, `$1${line}`);
    expect(bill(withRow(row)).said).toContain('no known licence in "Unheard-of-1.0"');
    expect(bill(withRow('| a library | the moon | MIT |\n')).said).toContain('which binaries are "the moon"?');
  });
});

describe('the workflows', () => {
  const names = readdirSync(join(root, '.github', 'workflows'));
  const workflows = names.map((name) => ({ name, text: read(`.github/workflows/${name}`) }));

  test.each(workflows)(
    '$name: others’ actions are GitHub’s own and pinned, and nobody may write but who must',
    ({ text }) => {
      const used = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action as string);
      const foreign = used.filter(
        (action) => !/^(actions\/[\w-]+@v\d+|\.\/\.github\/workflows\/[\w-]+\.yml)$/.test(action),
      );
      expect(foreign).toEqual([]);
      expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
      const steps = text.match(/uses: actions\/checkout/g)?.length;
      expect(text.match(/persist-credentials: false/g)?.length).toBe(steps);
    },
  );

  test('only a tag publishes, after everything else, and without a token', () => {
    const { text } = workflows.find(({ name }) => name === 'release.yml') as { text: string };
    expect(text).toMatch(/^on:\n {2}push:\n {4}tags: \["v\*"\]\n\n/m);
    expect(text).toMatch(/\n {2}publish:\n {4}needs: package\n/);
    expect(workflows.flatMap((workflow) => workflow.text.match(/id-token: write/g) ?? [])).toHaveLength(1);
    expect(workflows.filter((workflow) => /secrets\.|NODE_AUTH_TOKEN|_authToken/.test(workflow.text))).toEqual([]);
    const published = /\n {2}publish:\n([\s\S]*?)\n {2}\w+:\n/.exec(text)?.[1] as string;
    expect(published).toContain('id-token: write');
    expect(published).toContain('sha512sum --check');
    expect(published).not.toMatch(/checkout|npm (ci|pack|run)/);
  });
});
