"""Writes optimizers.json: ten steps of each of Keras' optimizers, and its schedules (python3 -m venv; pip install keras tensorflow)."""

import json
import os
import pathlib

os.environ['KERAS_BACKEND'] = 'tensorflow'
import keras
import numpy as np
from keras import optimizers as O

START = [1.0, -2.0, 0.5]
STEPS = 10


def gradient(step):
    """Different at each step, one of its elements 0 now and then."""
    return [0.5 * step - 2, -1.0 if step % 2 else 2.0, 0.0 if step % 3 == 0 else 0.1 * step]


def snake(name):
    return ''.join('_' + c.lower() if c.isupper() else c for c in name).replace('beta1', 'beta_1').replace('beta2', 'beta_2')


RENAMED = {
    'clipnorm': 'clipnorm',
    'clipvalue': 'clipvalue',
    'globalClipnorm': 'global_clipnorm',
    'l1RegularizationStrength': 'l1_regularization_strength',
    'l2RegularizationStrength': 'l2_regularization_strength',
    'l2ShrinkageRegularizationStrength': 'l2_shrinkage_regularization_strength',
}


def keywords(options):
    return {RENAMED.get(name, snake(name)): value for name, value in options.items()}


COMMON = [
    {},
    {'learningRate': 0.1},
    {'learningRate': 0.1, 'weightDecay': 0.02},
    {'learningRate': 0.1, 'clipnorm': 1.0},
    {'learningRate': 0.1, 'clipvalue': 0.75},
    {'learningRate': 0.1, 'globalClipnorm': 1.5},
    {'learningRate': 0.1, 'useEma': True, 'emaMomentum': 0.8},
    {'learningRate': 0.1, 'useEma': True, 'emaMomentum': 0.7, 'emaOverwriteFrequency': 3},
    {'learningRate': 0.1, 'gradientAccumulationSteps': 3},
    {'learningRate': 0.1, 'gradientAccumulationSteps': 2, 'weightDecay': 0.1, 'clipnorm': 0.5},
    {'learningRate': 0.1, 'gradientAccumulationSteps': 2, 'useEma': True, 'emaOverwriteFrequency': 2},
    {'learningRate': 0.1, 'lossScaleFactor': 8.0},
]
MOMENTS = [{'learningRate': 0.1, 'beta1': 0.8, 'beta2': 0.95, 'epsilon': 1e-3}]
OWN = {
    'SGD': [
        {'learningRate': 0.1, 'momentum': 0.9},
        {'learningRate': 0.1, 'momentum': 0.9, 'nesterov': True},
        {'learningRate': 0.1, 'momentum': 0.5, 'nesterov': True, 'gradientAccumulationSteps': 2, 'useEma': True},
    ],
    'Adam': MOMENTS + [{'learningRate': 0.1, 'amsgrad': True}, {'learningRate': 0.2, 'amsgrad': True, 'beta2': 0.5}],
    'AdamW': MOMENTS + [{'learningRate': 0.1, 'amsgrad': True}],
    'Adamax': MOMENTS,
    'Nadam': MOMENTS,
    'RMSprop': [
        {'learningRate': 0.1, 'rho': 0.7, 'epsilon': 1e-3},
        {'learningRate': 0.1, 'momentum': 0.6},
        {'learningRate': 0.1, 'centered': True},
        {'learningRate': 0.1, 'momentum': 0.6, 'centered': True},
    ],
    'Adagrad': [{'learningRate': 0.1, 'initialAccumulatorValue': 0.5, 'epsilon': 1e-3}],
    'Adadelta': [{'learningRate': 1.0}, {'learningRate': 1.0, 'rho': 0.6, 'epsilon': 1e-3}],
    'Ftrl': [
        {'learningRate': 0.1, 'learningRatePower': -0.3},
        {'learningRate': 0.1, 'l1RegularizationStrength': 0.2, 'l2RegularizationStrength': 0.1},
        {'learningRate': 0.1, 'l2ShrinkageRegularizationStrength': 0.1, 'beta': 0.5},
        {'learningRate': 0.1, 'initialAccumulatorValue': 0.7, 'l1RegularizationStrength': 3.0},
    ],
    'Lion': [{'learningRate': 0.1, 'beta1': 0.7, 'beta2': 0.8}],
}


def steps_of(name, options, dtype):
    """The values of the variable, and of the optimizer's variables for it, after each step."""
    keras.config.set_floatx(dtype)
    v = keras.Variable(np.array(START, dtype), dtype=dtype, name='v')
    # A second variable, so that norms and products are of more than one.
    w = keras.Variable(np.array([3.0], dtype), dtype=dtype, name='w')
    optimizer = getattr(O, name)(**keywords(options))
    values = []
    for step in range(1, STEPS + 1):
        grads = [np.array(gradient(step), dtype), np.array([0.25 * step], dtype)]
        optimizer.apply_gradients(zip(map(keras.ops.convert_to_tensor, grads), [v, w]))
        values.append([*np.asarray(v.numpy(), float).tolist(), *np.asarray(w.numpy(), float).tolist()])
    return {'values': values, 'iterations': int(optimizer.iterations)}


cases = []
for name, own in OWN.items():
    for options in COMMON + own:
        cases.append({'name': name, 'options': options, **{d: steps_of(name, options, d) for d in ('float32', 'float64')}})

S = O.schedules
SCHEDULES = [
    ('ExponentialDecay', [0.1, 10, 0.9], {}),
    ('ExponentialDecay', [0.1, 10, 0.9], {'staircase': True}),
    ('InverseTimeDecay', [0.1, 5, 0.5], {}),
    ('InverseTimeDecay', [0.1, 5, 0.5], {'staircase': True}),
    ('PolynomialDecay', [0.1, 10], {}),
    ('PolynomialDecay', [0.1, 10, 0.01, 2.0], {}),
    ('PolynomialDecay', [0.1, 10, 0.01, 0.5], {'cycle': True}),
    ('PiecewiseConstantDecay', [[5, 9, 20], [1.0, 0.5, 0.25, 0.1]], {}),
    ('CosineDecay', [0.1, 12], {}),
    ('CosineDecay', [0.1, 12, 0.2], {}),
    ('CosineDecay', [0.01, 12], {'warmupTarget': 0.1, 'warmupSteps': 4}),
    ('CosineDecay', [0.01, 12, 0.3], {'warmupTarget': 0.1, 'warmupSteps': 4}),
    ('CosineDecayRestarts', [0.1, 4], {}),
    ('CosineDecayRestarts', [0.1, 4, 1.0], {}),
    ('CosineDecayRestarts', [0.1, 4, 1.5, 0.8, 0.1], {}),
]
keras.config.set_floatx('float32')
schedules = []
for name, args, options in SCHEDULES:
    schedule = getattr(S, name)(*args, **keywords(options))
    rates = [float(schedule(np.float64(step) if name != 'PiecewiseConstantDecay' else step)) for step in range(30)]
    schedules.append({'name': name, 'args': args, 'options': options, 'rates': rates})

out = {'keras': keras.__version__, 'start': START, 'gradients': [gradient(s) for s in range(1, STEPS + 1)], 'cases': cases, 'schedules': schedules}
pathlib.Path(__file__).with_name('optimizers.json').write_text(json.dumps(out) + '\n')
