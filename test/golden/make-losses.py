"""Writes losses.json: Keras' losses of some examples (python3 -m venv; pip install keras jax)."""

import json
import os
import pathlib

os.environ['KERAS_BACKEND']='jax'
import numpy as np, keras
from keras import losses as L
r=np.random.default_rng(7)
cases=[]
def f(x): return np.asarray(x,dtype=np.float64).tolist()
def add(name, yt, yp, kw, ref):
    out=np.asarray(ref)
    cases.append(dict(name=name, yTrue=f(yt), yPred=f(yp), options=kw, value=f(out)))
p=r.uniform(.05,1,(4,3)); p/=p.sum(-1,keepdims=True)
q=r.uniform(.05,.9,(4,3)); lg=r.normal(0,3,(4,3)); lab=np.array([2,0,1,1])
hard=np.array([[1,0,0],[0,1,0],[.5,.5,0],[0,.25,.75]])
oh=np.eye(3)[lab]
f32=lambda x: np.asarray(x,dtype=np.float32)
add('meanSquaredError', lg, p, {}, L.mean_squared_error(f32(lg),f32(p)))
add('meanSquaredError', lg[:,0], p[:,:1], {}, L.mean_squared_error(f32(lg[:,0]),f32(p[:,:1])))
add('meanSquaredError', lg.reshape(2,2,3), p.reshape(2,2,3), {}, L.mean_squared_error(f32(lg.reshape(2,2,3)),f32(p.reshape(2,2,3))))
for x in (p,q,hard):
    add('sparseCategoricalCrossentropy', lab, x, {}, L.sparse_categorical_crossentropy(lab,f32(x)))
    add('categoricalCrossentropy', oh, x, {}, L.categorical_crossentropy(f32(oh),f32(x)))
    add('categoricalCrossentropy', p, x, {'labelSmoothing':.1}, L.categorical_crossentropy(f32(p),f32(x),label_smoothing=.1))
add('sparseCategoricalCrossentropy', lab[:,None], p, {}, L.sparse_categorical_crossentropy(lab[:,None],f32(p)))
add('sparseCategoricalCrossentropy', lab, lg, {'fromLogits':True}, L.sparse_categorical_crossentropy(lab,f32(lg),from_logits=True))
add('sparseCategoricalCrossentropy', lab, lg, {'fromLogits':True,'ignoreClass':1}, L.sparse_categorical_crossentropy(lab,f32(lg),from_logits=True,ignore_class=1))
lab2=np.array([-1,0,-1,2])
add('sparseCategoricalCrossentropy', lab2, p, {'ignoreClass':-1}, L.sparse_categorical_crossentropy(lab2,f32(p),ignore_class=-1))
add('sparseCategoricalCrossentropy', lab2, p, {'ignoreClass':-1,'reduction':'mean'}, L.SparseCategoricalCrossentropy(ignore_class=-1)(lab2,f32(p)))
add('categoricalCrossentropy', oh, lg, {'fromLogits':True}, L.categorical_crossentropy(f32(oh),f32(lg),from_logits=True))
add('categoricalCrossentropy', oh, lg, {'fromLogits':True,'labelSmoothing':.2}, L.categorical_crossentropy(f32(oh),f32(lg),from_logits=True,label_smoothing=.2))
add('categoricalCrossentropy', oh.T, p.T, {'axis':0}, L.categorical_crossentropy(f32(oh.T),f32(p.T),axis=0))
for red,kr in (('mean','sum_over_batch_size'),('sum','sum')):
    add('meanSquaredError', lg, p, {'reduction':red}, L.MeanSquaredError(reduction=kr)(f32(lg),f32(p)))
    add('categoricalCrossentropy', oh, p, {'reduction':red}, L.CategoricalCrossentropy(reduction=kr)(f32(oh),f32(p)))
    add('sparseCategoricalCrossentropy', lab, lg, {'fromLogits':True,'reduction':red}, L.SparseCategoricalCrossentropy(from_logits=True,reduction=kr)(lab,f32(lg)))
# Losses of numbers, of margins and of two classes: plain, weighed, reduced, and with their options.
reals = r.normal(0, 2, (4, 3))
others = r.normal(0, 2, (4, 3))
positive = r.uniform(.1, 4, (4, 3))
bits = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
signs = 2 * bits - 1
weights = np.array([.5, 2, 0, 1])
reductions = {'mean': 'sum_over_batch_size', 'sum': 'sum', 'meanWithSampleWeight': 'mean_with_sample_weight', 'none': 'none'}
snake = {'labelSmoothing': 'label_smoothing', 'fromLogits': 'from_logits', 'applyClassBalancing': 'apply_class_balancing'}
def both(name, function, cls, yt, yp, options=({},)):
    """The function with each of the options, and the class with weights and each reduction."""
    for o in options:
        kw = {snake.get(k, k): v for k, v in o.items()}
        add(name, yt, yp, o, function(f32(yt), f32(yp), **kw))
        for reduction, keras_name in reductions.items():
            for w in (weights, weights[:, None]):
                ref = cls(reduction=keras_name, **kw)(f32(yt), f32(yp), sample_weight=f32(w))
                add(name, yt, yp, {**o, 'reduction': reduction, 'sampleWeight': f(w)}, ref)
both('meanSquaredError', L.mean_squared_error, L.MeanSquaredError, reals, others)
both('meanAbsoluteError', L.mean_absolute_error, L.MeanAbsoluteError, reals, others)
both('meanAbsolutePercentageError', L.mean_absolute_percentage_error, L.MeanAbsolutePercentageError, reals, others)
both('meanSquaredLogarithmicError', L.mean_squared_logarithmic_error, L.MeanSquaredLogarithmicError, positive, reals)
both('huber', L.huber, L.Huber, reals, others, ({}, {'delta': .5}, {'delta': 3}))
both('logCosh', L.log_cosh, L.LogCosh, reals * 20, others)
both('poisson', L.poisson, L.Poisson, positive, positive[::-1])
both('kldivergence', L.kl_divergence, L.KLDivergence, p, q)
both('cosineSimilarity', L.cosine_similarity, L.CosineSimilarity, reals, others)
add('cosineSimilarity', reals, others, {'axis': 0}, L.cosine_similarity(f32(reals), f32(others), axis=0))
add('cosineSimilarity', [[0, 0, 0]], [[1, 2, 3]], {}, L.cosine_similarity(f32([[0, 0, 0]]), f32([[1, 2, 3]])))
both('hinge', L.hinge, L.Hinge, signs, others)
both('squaredHinge', L.squared_hinge, L.SquaredHinge, signs, others)
add('hinge', bits, others, {}, L.hinge(f32(bits), f32(others)))
add('squaredHinge', bits, others, {}, L.squared_hinge(f32(bits), f32(others)))
both('categoricalHinge', L.categorical_hinge, L.CategoricalHinge, oh, others)
both('binaryCrossentropy', L.binary_crossentropy, L.BinaryCrossentropy, bits, q, ({}, {'labelSmoothing': .2}))
both('binaryCrossentropy', L.binary_crossentropy, L.BinaryCrossentropy, bits, others, ({'fromLogits': True},))
# Of the wrong class 0 and the right one 1: 1 - (1 - epsilon) is not epsilon in float32.
add('binaryCrossentropy', np.ones((4, 3)), hard, {}, L.binary_crossentropy(np.ones((4, 3), 'float32'), f32(hard)))
add('binaryCrossentropy', bits, q, {'axis': 0}, L.binary_crossentropy(f32(bits), f32(q), axis=0))
focal = ({}, {'gamma': 1, 'alpha': .4, 'applyClassBalancing': True}, {'labelSmoothing': .2})
both('binaryFocalCrossentropy', L.binary_focal_crossentropy, L.BinaryFocalCrossentropy, bits, q, focal)
both('binaryFocalCrossentropy', L.binary_focal_crossentropy, L.BinaryFocalCrossentropy, bits, others, ({'fromLogits': True},))
both('categoricalCrossentropy', L.categorical_crossentropy, L.CategoricalCrossentropy, oh, p)
for reduction, keras_name in reductions.items():
    ref = L.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1, reduction=keras_name)(lab, f32(lg), sample_weight=f32(weights))
    o = {'fromLogits': True, 'ignoreClass': 1, 'reduction': reduction, 'sampleWeight': f(weights)}
    add('sparseCategoricalCrossentropy', lab, lg, o, ref)
# Rank 3: weights of the first axes, and of the first one alone with an axis of length 1.
cube, rcube = r.normal(0, 1, (2, 3, 4)), r.normal(0, 1, (2, 3, 4))
for w in (r.uniform(0, 1, (2, 3)), r.uniform(0, 1, (2, 1)), r.uniform(0, 1, (2, 3, 1))):
    ref = L.MeanSquaredError(reduction='none')(f32(cube), f32(rcube), sample_weight=f32(w))
    add('meanSquaredError', cube, rcube, {'sampleWeight': f(w)}, ref)
# Connectionist temporal classification: repeats, blanks at the end, no labels at all, as many labels as steps.
for labels, steps, classes in (([[1, 2, 0], [2, 2, 1], [0, 0, 0]], 6, 4), ([[1], [2]], 1, 3), ([[1, 2, 3]], 3, 4), ([[3, 3]], 9, 4)):
    logits = r.normal(0, 2, (len(labels), steps, classes))
    add('ctc', labels, logits, {}, L.ctc(np.array(labels), f32(logits)))
    add('ctc', labels, logits, {'reduction': 'mean'}, L.CTC()(np.array(labels), f32(logits)))
text = json.dumps({'keras': keras.__version__, 'cases': cases})
pathlib.Path(__file__).with_name('losses.json').write_text(text + '\n')
