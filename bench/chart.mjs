// The chart of a run: how long each opponent takes, in times of gradtape, on a logarithmic axis. Drawn by Vega-Lite.
import { ratio } from './report.mjs';

const panels = [
  { title: 'JavaScript', peers: ['deepbox', 'jax-js', 'jax-js-jit', 'tfjs-cpu', 'tfjs-wasm'] },
  {
    title: 'Python, C++',
    peers: [
      'torch',
      'torch-compile',
      'tensorflow',
      'tensorflow-function',
      'jax',
      'jax-jit',
      'onnxruntime',
      'openblas',
      'onednn',
      'numpy',
    ],
  },
];

/** A point an opponent and case: { id, peer, times }; times > 1 where gradtape is faster (or takes less memory). */
function points({ cases, peers }) {
  return Object.entries(cases).flatMap(([id, { threads = 1, gradtape, ...sides }]) =>
    Object.keys(peers)
      .filter((peer) => sides[peer]?.median > 0 && gradtape.median > 0)
      .map((peer) => ({
        id: id.replace(/@\d+$/, ''),
        threads,
        peer,
        times: 1 / ratio(gradtape.unit, gradtape.median, sides[peer].median),
      })),
  );
}

function panel({ title, peers }, values, ids, first) {
  return {
    title,
    width: 420,
    height: { step: 15 },
    layer: [
      {
        data: { values: [{}] },
        mark: { type: 'rule', color: '#333', strokeWidth: 2 },
        encoding: { x: { datum: 1, type: 'quantitative' } },
      },
      {
        data: { values: values.filter(({ peer }) => peers.includes(peer)) },
        mark: { type: 'point', filled: true, size: 55, opacity: 0.85 },
        encoding: {
          y: {
            field: 'id',
            type: 'nominal',
            sort: ids,
            scale: { domain: ids },
            axis: { title: null, grid: true, labels: first, ticks: false, domain: false, labelLimit: 200 },
          },
          x: {
            field: 'times',
            type: 'quantitative',
            scale: { type: 'log', nice: false, padding: 12 },
            axis: {
              title: "opponent's time / gradtape's (right of 1: gradtape is faster)",
              format: '~g',
              values: [0.001, 0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100, 1000, 10_000],
              labelOverlap: true,
            },
          },
          color: { field: 'peer', type: 'nominal', scale: { domain: peers, scheme: 'tableau10' }, title: null },
          shape: { field: 'peer', type: 'nominal', scale: { domain: peers }, title: null },
        },
      },
    ],
    resolve: { scale: { color: 'independent', shape: 'independent' } },
  };
}

/** The Vega-Lite specification: a row of panels for each number of threads. */
function specification(result) {
  const all = points(result);
  const rows = [...new Set(all.map(({ threads }) => threads))].map((threads) => {
    const values = all.filter((point) => point.threads === threads);
    const ids = [...new Set(values.map(({ id }) => id))];
    const measured = panels
      .map(({ title, peers }) => ({
        title: `${title}, ${threads} thread${threads > 1 ? 's' : ''}`,
        peers: peers.filter((name) => values.some(({ peer }) => peer === name)),
      }))
      .filter(({ peers }) => peers.length > 0);
    return { hconcat: measured.map((one, i) => panel(one, values, ids, i === 0)) };
  });
  const { cpu, isa, date, commit } = result.machine;
  return {
    title: { text: `gradtape ${commit} on ${cpu} (${isa}), ${date.slice(0, 10)}`, anchor: 'start' },
    background: 'white',
    vconcat: rows,
    resolve: { scale: { color: 'independent', shape: 'independent', x: 'independent', y: 'independent' } },
    config: { font: 'sans-serif' },
  };
}

/** The SVG's text; null where there is nobody to compare with. */
export async function chart(result) {
  const spec = specification(result);
  if (spec.vconcat.length === 0) return null;
  // By name, so that nothing of the project asks for packages that only this folder installs.
  const [vega, lite] = await Promise.all(['vega', 'vega-lite'].map((name) => import(name)));
  return await new vega.View(vega.parse(lite.compile(spec).spec), { renderer: 'none' }).toSVG();
}
