// What a release needs beside the tarball: `check` that the tag, package.json, the changelog and the repository agree, before
// anything is built; `notes` prints the changelog's section of this version. GitHub's variables say which tag and repository.
// Usage: node scripts/release.mjs check|notes [FOLDER]
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, root, StepError, say } from './common.mjs';

const [what, folder = root] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

/** The changelog's sections, by what their heading says. */
function sections() {
  const parts = read('CHANGELOG.md')
    .split(/^## (.*)$/m)
    .slice(1);
  return Object.fromEntries(parts.map((part, i) => [part, parts[i + 1]?.trim()]).filter((_, i) => i % 2 === 0));
}

/** All that keeps this commit from being released under a tag from a repository (owner/name), a line each. */
function faults(tag, repository) {
  const { version } = manifest;
  const found = [];
  if (tag !== `v${version}`) found.push(`the tag is ${tag}, package.json has ${version}`);
  if (JSON.parse(read('package-lock.json')).version !== version) {
    found.push('package-lock.json has another version: npm install --package-lock-only');
  }
  const pending = existsSync(join(folder, '.changeset'))
    ? readdirSync(join(folder, '.changeset')).filter((name) => name.endsWith('.md') && name !== 'README.md')
    : [];
  if (pending.length > 0) found.push(`changes without a version: ${pending.join(', ')}: npx changeset version`);
  if (!sections()[version]) found.push(`CHANGELOG.md has no section "## ${version}", or an empty one`);
  // Provenance names the repository, and the registry compares it with this.
  const url = typeof manifest.repository === 'string' ? manifest.repository : manifest.repository?.url;
  if (!url?.replace(/\.git$/, '').endsWith(`/${repository}`)) {
    found.push(`"repository" of package.json is ${url ?? 'not there'}, the release comes from ${repository}`);
  }
  return found;
}

await main(() => {
  if (what === 'notes') {
    const notes = sections()[manifest.version];
    if (!notes) throw new StepError(`CHANGELOG.md has no section "## ${manifest.version}"`);
    console.log(notes);
    return;
  }
  const { GITHUB_REF_NAME: tag, GITHUB_REPOSITORY: repository } = process.env;
  if (what !== 'check' || !tag || !repository) {
    throw new StepError(
      'usage: GITHUB_REF_NAME=v1.2.3 GITHUB_REPOSITORY=owner/name node scripts/release.mjs check | notes [FOLDER]',
    );
  }
  const found = faults(tag, repository);
  if (found.length > 0) throw new StepError(`not ready for release:\n  ${found.join('\n  ')}`);
  say(`${tag} is ready for release`);
});
