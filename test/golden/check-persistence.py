"""Checks by hand that Python reads what gradtape writes, and gradtape what Python writes of that again.

  python test/golden/check-persistence.py        (after npm run build)

Needs numpy, safetensors, torch, and node on the PATH.
"""
import json
import os
import subprocess
import tempfile

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
WRITE = """
const tf = require('./dist/index.cjs');
const at = (name) => require('node:path').join(process.env.FOLDER, name);
const r = (shape, seed, dtype = 'float32') => tf.random.normal(shape, { seed, dtype });
(async () => {
  const nest = {
    layers: [{ kernel: r([30, 500], 1), bias: r([7], 2, 'float64') }, { kernel: tf.zeros([100000]) }],
    int: tf.constant([-(2 ** 31), 0, 2 ** 31 - 1], { dtype: 'int32' }), bytes: new Uint8Array([0, 255]), flag: true,
    mask: [[true], [false]], empty: tf.zeros([0, 4]), 'é "quoted"': 1.5,
    special: [0, -0, 1e-45, Infinity, -Infinity, NaN],
  };
  await tf.saveSafetensors(at('x.safetensors'), nest, { metadata: { note: 'é' } });
  await tf.saveNpz(at('x.npz'), nest);
  await tf.saveNpz(at('compressed.npz'), nest, { compress: true });
  const flat = await tf.loadSafetensors(at('x.safetensors'));
  let k = 0;
  for (const t of Object.values(flat)) await tf.saveNpy(at(`${k++}.npy`), t);
  const values = Object.entries(flat).map(([key, t]) => [key, t.dtype, t.shape, Buffer.from(t.dataSync().buffer).toString('hex')]);
  console.log(JSON.stringify(values));
})();
"""
READ = """
const tf = require('./dist/index.cjs');
const at = (name) => require('node:path').join(process.env.FOLDER, name);
(async () => {
  const files = [await tf.loadSafetensors(at('again.safetensors')), await tf.loadNpz(at('again.npz'))];
  console.log(JSON.stringify(files.map((flat) => Object.fromEntries(
    Object.entries(flat).map(([key, t]) => [key, [t.dtype, t.shape, Buffer.from(t.dataSync().buffer).toString('hex')]])))));
})();
"""


def node(code, folder):
    done = subprocess.run(['node', '-e', code], cwd=ROOT, env={**os.environ, 'FOLDER': folder}, capture_output=True, check=True)
    return json.loads(done.stdout)


def same(array, dtype, shape, data):
    array = np.asarray(array)
    assert str(array.dtype) == dtype, (array.dtype, dtype)
    assert list(array.shape) == shape, (array.shape, shape)
    assert array.tobytes().hex() == data


with tempfile.TemporaryDirectory() as folder:
    wanted = node(WRITE, folder)
    path = os.path.join(folder, 'x.safetensors')
    with safetensors.safe_open(path, 'np') as f:
        assert f.metadata() == {'note': 'é'}, f.metadata()
    numpys = safetensors.numpy.load_file(path)
    torches = safetensors.torch.load_file(path)
    archives = [np.load(os.path.join(folder, name)) for name in ('x.npz', 'compressed.npz')]
    for k, (key, dtype, shape, data) in enumerate(wanted):
        same(numpys[key], dtype, shape, data)
        same(torches[key].numpy(), dtype, shape, data)
        for archive in archives:
            same(archive[key], dtype, shape, data)
        same(np.load(os.path.join(folder, f'{k}.npy')), dtype, shape, data)
    assert len(numpys) == len(wanted) == len(archives[0].files)
    safetensors.numpy.save_file(numpys, os.path.join(folder, 'again.safetensors'))
    np.savez_compressed(os.path.join(folder, 'again.npz'), **numpys)
    for flat in node(READ, folder):
        assert flat == {key: [dtype, shape, data] for key, dtype, shape, data in wanted}
    print(f'{len(wanted)} tensors: safetensors {safetensors.__version__} (NumPy and torch) and NumPy {np.__version__} agree')
