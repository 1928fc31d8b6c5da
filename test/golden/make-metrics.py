"""Writes metrics.json: what Keras' metrics give after each of several batches, by options and dtype (needs tensorflow)."""

import json
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras  # noqa: E402
import numpy as np  # noqa: E402

random = np.random.RandomState(20261129)
INPUTS = {}
CASES = []
NAMES = {
    "numThresholds": "num_thresholds", "summationMethod": "summation_method", "multiLabel": "multi_label",
    "numLabels": "num_labels", "labelWeights": "label_weights", "fromLogits": "from_logits", "topK": "top_k",
    "classId": "class_id", "classAggregation": "class_aggregation", "numRegressors": "num_regressors",
    "uniformAverage": "uniform_average", "varianceWeightedAverage": "variance_weighted_average",
}


def inputs(name, batches):
    """Batches of [truth, predictions, weights...]; a case says which of the weights it takes."""
    INPUTS[name] = [[np.round(np.asarray(x, "float64"), 3).tolist() for x in batch] for batch in batches]


def case(metric, batches, weights=None, **options):
    entry = {"metric": metric, "inputs": batches, "options": options, "weights": weights}
    # Keras' top-k metrics are of float32 only: its in_top_k takes no other dtype.
    for dtype in ["float32"] if "TopK" in metric else ["float32", "float64"]:
        given = {NAMES.get(key, key): NAMES.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
        m = getattr(keras.metrics, metric)(**given, dtype=dtype)
        results = []
        for batch in INPUTS[batches]:
            xs = [np.asarray(x, dtype) for x in batch]
            operands = xs[:1] if metric in ("Mean", "Sum") else xs[:2]
            m.update_state(*operands, sample_weight=None if weights is None else xs[weights])
            results.append(np.asarray(m.result(), "float64").tolist())
        entry[dtype] = results
    CASES.append(entry)


def sizes():
    return [5, 3, 7]


# Truth, predictions, a weight for each example, a weight for each element.
inputs("numbers", [[random.normal(size=[n, 3]), random.normal(size=[n, 3]), random.uniform(size=n), random.uniform(size=[n, 3])] for n in sizes()])
inputs("positive", [[random.uniform(0.1, 3, [n, 3]), random.uniform(0, 3, [n, 3]), random.uniform(size=n), random.uniform(size=[n, 3])] for n in sizes()])
inputs("binary", [[random.randint(0, 2, n), np.round(random.uniform(size=n), 1), random.uniform(size=n)] for n in sizes()])
inputs("columns", [[random.randint(0, 2, [n, 4]), random.uniform(size=[n, 4]), random.uniform(size=n), random.uniform(size=[n, 4])] for n in sizes()])
inputs("logits", [[random.randint(0, 2, n), random.normal(size=n) * 2, random.uniform(size=n)] for n in sizes()])
inputs("classes", [[random.randint(0, 6, n), random.permutation(n * 6).reshape(n, 6) / 60, random.uniform(size=n)] for n in sizes()])
inputs("column of classes", [[random.randint(0, 6, [n, 1]), random.permutation(n * 6).reshape(n, 6) / 60, random.uniform(size=n)] for n in sizes()])
inputs("one-hot", [[np.eye(6)[random.randint(0, 6, n)], random.permutation(n * 6).reshape(n, 6) / 60, random.uniform(size=n)] for n in sizes()])
inputs("sequences", [[random.randint(0, 4, [n, 2]), random.permutation(n * 8).reshape(n, 2, 4) / 60, random.uniform(size=n), random.uniform(size=[n, 2])] for n in sizes()])
inputs("equal classes", [[random.randint(0, 3, [n, 1]), random.randint(0, 3, [n, 1]), random.uniform(size=n)] for n in sizes()])

for metric in ["Mean", "Sum"]:
    for weights in [None, 2, 3]:
        case(metric, "numbers", weights)
    case(metric, "binary", 2)
    case(metric, "sequences", 3)
case("Accuracy", "equal classes")
case("Accuracy", "equal classes", 2)
case("Accuracy", "columns", 3)
for threshold in [0.5, 0.3]:
    case("BinaryAccuracy", "binary", None, threshold=threshold)
    case("BinaryAccuracy", "columns", 2, threshold=threshold)
for weights in [None, 2]:
    case("CategoricalAccuracy", "one-hot", weights)
    case("TopKCategoricalAccuracy", "one-hot", weights, k=2)
    for batches in ["classes", "column of classes"]:
        case("SparseCategoricalAccuracy", batches, weights)
        case("SparseTopKCategoricalAccuracy", batches, weights, k=3)
    case("SparseCategoricalAccuracy", "sequences", weights and 3)
    case("SparseTopKCategoricalAccuracy", "sequences", weights, k=2)
case("TopKCategoricalAccuracy", "one-hot")
for metric in ["TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives"]:
    case(metric, "binary")
    case(metric, "columns", 3, thresholds=[0.2, 0.9])
    case(metric, "binary", 2, thresholds=0.7)
    case(metric, "binary", None, thresholds=[0.0, 0.5, 1.0])
for metric in ["Precision", "Recall"]:
    case(metric, "binary")
    case(metric, "binary", 2)
    case(metric, "columns", 2)
    case(metric, "columns", 3, thresholds=[0.1, 0.6])
    case(metric, "columns", None, topK=2)
    case(metric, "columns", 2, topK=3, thresholds=0.4)
    case(metric, "columns", None, classId=1)
    case(metric, "columns", 2, classId=2, topK=2)
for curve in ["ROC", "PR", "PRGAIN"]:
    for method in ["interpolation", "minoring", "majoring"]:
        case("AUC", "binary", None, curve=curve, summationMethod=method)
        case("AUC", "columns", 3, curve=curve, summationMethod=method, numThresholds=11)
        case("AUC", "columns", None, curve=curve, summationMethod=method, multiLabel=True, numThresholds=21)
case("AUC", "binary", 2, numThresholds=2)
case("AUC", "binary", 2, thresholds=[0.7, 0.15, 0.3])
case("AUC", "binary", None, thresholds=[0.25, 0.5, 0.75])
case("AUC", "logits", 2, fromLogits=True)
case("AUC", "columns", 2, multiLabel=True, numLabels=4, labelWeights=[1.0, 0.5, 0.0, 2.0])
case("AUC", "columns", 3, multiLabel=True, thresholds=[0.3, 0.6], curve="PR")
case("AUC", "columns", None, labelWeights=[1.0, 0.5, 0.0, 2.0])
for metric in ["MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError", "LogCoshError", "CosineSimilarity"]:
    for weights in [None, 2]:
        case(metric, "numbers", weights)
case("RootMeanSquaredError", "numbers", 3)
case("MeanSquaredLogarithmicError", "positive")
case("MeanSquaredLogarithmicError", "positive", 2)
case("CosineSimilarity", "numbers", None, axis=0)
for aggregation in [None, "uniformAverage", "varianceWeightedAverage"]:
    for weights in [None, 2, 3]:
        case("R2Score", "numbers", weights, classAggregation=aggregation)
case("R2Score", "numbers", None, numRegressors=2)
case("R2Score", "numbers", None, numRegressors=14)

text = ["{", f'"versions": {json.dumps({"keras": keras.__version__})},', '"inputs": {',
        ",\n".join(f"{json.dumps(name)}: {json.dumps(batches)}" for name, batches in INPUTS.items()), "},", '"cases": [',
        ",\n".join(json.dumps(entry) for entry in CASES), "]", "}", ""]
text = "\n".join(text).replace("NaN", '"nan"')
json.loads(text)
pathlib.Path(__file__).with_name("metrics.json").write_text(text)
print(len(text), "bytes,", len(CASES), "cases")
