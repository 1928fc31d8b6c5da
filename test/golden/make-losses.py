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
text = json.dumps({'keras': keras.__version__, 'cases': cases})
pathlib.Path(__file__).with_name('losses.json').write_text(text + '\n')
