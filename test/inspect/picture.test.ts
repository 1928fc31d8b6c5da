// Pictures of recordings: DOT, SVG by the optional package, and the HTML page, which a real browser opens.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from 'gradtape';
import { describe, expect, it } from 'vitest';
import { plain } from '../support/child.js';
import { rejectionOf } from '../support/errors.js';
import { restoreSettings } from '../support/settings.js';

restoreSettings();

/** A recording with a path, one that stopGradient cuts, and a name with what HTML and DOT escape. */
function recording(): { tape: tf.GradientTape; y: tf.Tensor; w: tf.Variable } {
  const w = new tf.Variable([1, 2, 3], { name: 'w "</script>' });
  const frozen = new tf.Variable([4, 5, 6], { name: 'frozen' });
  const tape = new tf.GradientTape();
  const y = tape.record(() => w.square().add(frozen.exp().stopGradient()).reduceSum());
  return { tape, y, w };
}

describe('toDot', () => {
  it('has leaves, ops with shapes, dtypes and kept bytes, and dashed links that carry no gradient', () => {
    const dot = recording().tape.toDot();
    expect(dot).toMatch(/^digraph tape \{\n/);
    expect(dot).toContain('[label="w \\"</script>\\nfloat32 [3]", shape=ellipse]');
    expect(dot).toContain('[label="square\\nfloat32 [3]\\nkeeps 12 B", shape=box]');
    expect(dot).toMatch(/n\d+ -> n\d+;/);
    expect(dot).toMatch(/n\d+ -> n\d+ \[style=dashed, tooltip="STOPPED: stopGradient stops the gradient\."\];/);
  });

  it('of a consumed tape needs names and links', () => {
    const { tape, y, w } = recording();
    tape.gradient(y, w);
    expect(() => tape.toDot()).toThrow('A non-persistent GradientTape');
    tf.config.trackOrigin = true;
    const kept = recording();
    kept.tape.gradient(kept.y, kept.w);
    expect(kept.tape.toDot()).toMatch(/label="reduceSum\\nfloat32 \[\]".*tooltip=".*picture\.test\.ts:\d+:\d+"/);
    expect(kept.tape.toDot()).toContain('STOPPED');
  });
});

it('toSVG says which package it needs', async () => {
  const error = await rejectionOf(() => recording().tape.toSVG());
  expect(error).toMatchObject({ code: 'ERR_PACKAGE' });
  expect(error.message).toContain('npm install @viz-js/viz');
});

// As where the library is linked into a project (npm link), and only the project has the package.
it('toSVG finds the package from the working directory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gradtape-viz-'));
  try {
    const viz = join(folder, 'node_modules', '@viz-js', 'viz');
    mkdirSync(viz, { recursive: true });
    writeFileSync(join(viz, 'package.json'), '{ "main": "viz.cjs" }');
    writeFileSync(
      join(viz, 'viz.cjs'),
      "exports.instance = async () => ({ renderString: (dot, { format }) => format + ':' + dot.slice(0, 7) });",
    );
    const { tape } = recording();
    const before = process.cwd();
    process.chdir(folder);
    try {
      expect(await tape.toSVG()).toBe('svg:digraph');
    } finally {
      process.chdir(before);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const browser = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

describe('toHTML', () => {
  it('is one page that asks for nothing else', () => {
    const page = recording().tape.toHTML();
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/\b(src|href)=|url\(|@import/);
    expect(page.match(/<\/script>/g)?.length).toBe(2);
    const data = JSON.parse(/<script id="graph"[^>]*>(.*)<\/script>/.exec(page)?.[1] as string);
    expect(data.nodes.map((n: { label: string }) => n.label).sort()).toEqual(
      ['add', 'exp', 'frozen', 'reduceSum', 'square', 'stopGradient', 'w "</script>'].sort(),
    );
  });

  it.each([false, true])('says of gradients that were null why, and of assignments (explain: %s)', (explain) => {
    tf.config.explain = explain;
    const nothing = tf.customGradient((u: tf.Tensor) => ({ value: u.mul(2), gradFn: () => null }));
    const x = tf.constant([1.5]);
    const held = new tf.Variable([0], { name: 'held' });
    const tape = new tf.GradientTape({ persistent: true });
    const y = tape.record(() => {
      tape.watch(x);
      held.assign(x.square());
      return nothing(x).mul(held);
    });
    tape.gradient(y, x);
    const { nodes, edges } = JSON.parse(/<script id="graph"[^>]*>(.*)<\/script>/.exec(tape.toHTML())?.[1] as string);
    const reasons = edges.map(({ why }: { why: string | null }) => why?.replace(/:.*/s, '') ?? null);
    expect(reasons).toContain('ASSIGNED');
    // Which gradients were null is noted with the links only; else the page says that one may be.
    expect(reasons.includes('CUSTOM_NULL')).toBe(explain);
    expect(nodes.filter(({ custom }: { custom: boolean }) => custom)).toHaveLength(1);
  });

  it.runIf(plain && browser)(
    'a browser draws it, finds the path of a gradient, and says why there is none',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'gradtape-page-'));
      try {
        const open = (name: string, script: string, ...flags: string[]): string => {
          const file = join(folder, `${name}.html`);
          writeFileSync(file, recording().tape.toHTML().replace('</body>', `<script>${script}</script></body>`));
          return execFileSync(
            browser as string,
            [
              '--headless=new',
              '--no-sandbox',
              '--disable-gpu',
              `--user-data-dir=${folder}/profile`,
              ...flags,
              `file://${file}`,
            ],
            { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 100_000 },
          );
        };
        const click = (label: string): string =>
          `[...document.querySelectorAll('.node')].find(n=>n.dataset.label.startsWith('${label}')).dispatchEvent(new MouseEvent('click'));`;
        const connected = open('connected', click('reduceSum') + click('w '), '--dump-dom');
        expect(connected).toMatch(/id="says">CONNECTED: w .* → square → add → reduceSum</);
        expect(connected.match(/class="edge path"/g)?.length).toBe(3);
        const cut = open('cut', click('reduceSum') + click('frozen'), '--dump-dom');
        expect(cut).toMatch(/id="says">STOPPED: stopGradient stops the gradient\.</);
        expect(cut.match(/class="edge( cut)? broken"/g)?.length).toBe(4);
        const search =
          "const s=document.getElementById('search');s.value='square';s.dispatchEvent(new Event('input'));";
        expect(open('search', search, '--dump-dom').match(/class="node( leaf)? dim"/g)?.length).toBe(6);
        const picture = join(folder, 'page.png');
        open('picture', click('reduceSum') + click('w '), `--screenshot=${picture}`, '--window-size=900,700');
        expect(statSync(picture).size).toBeGreaterThan(5000);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    300_000,
  );
});
