"""Makes persistence.json: files as Python's safetensors and NumPy write them, with what they hold.

  python test/golden/make-persistence.py

Needs numpy, safetensors, torch (for bfloat16). What our own files are read as by Python: check-persistence.py.
"""
import base64
import io
import json
import os

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch

rng = np.random.default_rng(7)
DTYPES = {'float32': 'float32', 'float64': 'float64', 'int32': 'int32', 'uint8': 'uint8', 'bool': 'bool'}


def text(data):
    return base64.b64encode(data).decode()


def number(x):
    x = x.item()
    if isinstance(x, float) and not np.isfinite(x):
        return 'NaN' if np.isnan(x) else ('Infinity' if x > 0 else '-Infinity')
    return x


def tensor(array, dtype):
    return {'dtype': dtype, 'shape': list(array.shape), 'values': [number(x) for x in array.ravel()]}


# ---- safetensors ----

extremes32 = np.array([0.0, -0.0, 1e-45, -3.4028235e38, np.inf, -np.inf, np.nan], np.float32)
all_dtypes = {
    'b': np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    'a': np.array([[True], [False]]),
    'layers.0.kernel': rng.normal(size=(3, 2)).astype(np.float32),
    'layers.0.bias': rng.normal(size=(2,)),
    'z': np.array([-2147483648, 0, 2147483647], np.int32),
    'scalar': np.array(3.25),
    'empty': np.zeros((0, 4), np.uint8),
    'bytes': np.arange(256, dtype=np.uint8),
    'extremes': extremes32,
    'é"\\\n\x7f\x01': np.array([1], np.float32),
}
other = {
    'i64': np.array([-2147483648, -1, 0, 2147483647], np.int64),
    'u64': np.array([0, 2147483647], np.uint64),
    'u32': np.array([0, 2147483647], np.uint32),
    'i16': np.array([-32768, 32767], np.int16),
    'u16': np.array([0, 65535], np.uint16),
    'i8': np.array([-128, 127], np.int8),
}
# Every kind of half: zeros, subnormals, normals, infinities, NaN; and a spread of all bit patterns.
patterns = np.concatenate([np.arange(0, 65536, 257), [0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0x7C00, 0x7E00, 0x8000, 0xFC00]])
halves = patterns.astype(np.uint16).view(np.float16)
brain = torch.from_numpy(patterns.astype(np.uint16).view(np.int16)).view(torch.bfloat16)


def held(arrays):
    return {
        key: tensor(a, DTYPES.get(str(a.dtype), 'int32' if a.dtype.kind in 'iu' else 'float32')) for key, a in arrays.items()
    }


files = [
    {'name': 'all dtypes', 'same': True, 'metadata': None, 'bytes': text(safetensors.numpy.save(all_dtypes)), 'tensors': held(all_dtypes)},
    {
        'name': 'metadata',
        'same': True,
        'metadata': {'format': 'np "quoted" é'},
        'bytes': text(safetensors.numpy.save({'x': np.array([1, 2], np.float32)}, {'format': 'np "quoted" é'})),
        'tensors': held({'x': np.array([1, 2], np.float32)}),
    },
    {'name': 'nothing', 'same': True, 'metadata': None, 'bytes': text(safetensors.numpy.save({})), 'tensors': {}},
    {'name': 'whole numbers', 'same': False, 'metadata': None, 'bytes': text(safetensors.numpy.save(other)), 'tensors': held(other)},
    {
        'name': 'halves',
        'same': False,
        'metadata': None,
        'bytes': text(safetensors.torch.save({'f16': torch.from_numpy(halves.copy()), 'bf16': brain})),
        'tensors': {
            'f16': tensor(halves.astype(np.float32), 'float32'),
            'bf16': tensor(brain.to(torch.float32).numpy(), 'float32'),
        },
    },
]

# ---- npy ----


def saved(array, version=None):
    f = io.BytesIO()
    if version is None:
        np.save(f, array)
    else:
        np.lib.format.write_array(f, array, version=version)
    return f.getvalue()


base = rng.normal(size=(2, 3, 4))
arrays = []


def npy(name, array, dtype, same=False, version=None):
    arrays.append({'name': name, 'same': same, 'bytes': text(saved(array, version)), 'tensor': tensor(array, dtype)})


npy('float32', base.astype('<f4'), 'float32', True)
npy('float64', base, 'float64', True)
npy('int32', np.array([[-2147483648], [2147483647]], '<i4'), 'int32', True)
npy('uint8', np.arange(256, dtype='u1').reshape(16, 16), 'uint8', True)
npy('bool', np.array([True, False, True]), 'bool', True)
npy('scalar', np.array(2.5, '<f4'), 'float32', True)
npy('empty', np.zeros((3, 0, 2), '<f4'), 'float32', True)
npy('one axis', np.array([1], '<f4'), 'float32', True)
npy('long shape', np.zeros((1,) * 12 + (2,), '<f4'), 'float32', True)
for kind, dtype in [('f4', 'float32'), ('f8', 'float64'), ('i4', 'int32')]:
    npy(f'big endian {kind}', (base * 100).astype('>' + kind), dtype)
for kind in ['<i8', '>i8', '<i2', '>u2', '|i1', '<u4', '<u8']:
    npy(f'whole numbers {kind}', np.array([0, 1, 100], kind), 'int32')
npy('half', halves[:64].astype('<f2'), 'float32')
npy('half, big endian', halves[:64].astype('>f2'), 'float32')
npy('Fortran order', np.asfortranarray(base), 'float64')
npy('Fortran order, big endian halves', np.asfortranarray(base.astype('>f2')), 'float32')
npy('Fortran order, bool', np.asfortranarray(base > 0), 'bool')
npy('version 2', base, 'float64', version=(2, 0))
npy('version 3', base, 'float64', version=(3, 0))
npy('version 2, Fortran order', np.asfortranarray(base[0]), 'float64', version=(2, 0))

# ---- npz ----

named = {'w': base.astype('f4'), 'b': np.array([1, 2], np.int32), 'layers.0.é': np.array(True), 'zeros': np.zeros((64, 64)), 'f': np.asfortranarray(base)}


def zipped(save):
    f = io.BytesIO()
    save(f, **named)
    return text(f.getvalue())


archives = [
    {'name': 'stored', 'bytes': zipped(np.savez), 'tensors': held(named)},
    {'name': 'compressed', 'bytes': zipped(np.savez_compressed), 'tensors': held(named)},
]

golden = {
    'versions': {'numpy': np.__version__, 'safetensors': safetensors.__version__},
    'safetensors': files,
    'npy': arrays,
    'npz': archives,
}
with open(os.path.join(os.path.dirname(__file__), 'persistence.json'), 'w') as f:
    json.dump(golden, f, ensure_ascii=True)
    f.write('\n')
