"""Trains and exports diabetes_mlp: 10 -> 20 -> 1 with ReLU, plain SGD on the mean squared error, in numpy."""

import pathlib
import sys

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

SEED = 3
HIDDEN = 20
EPOCHS = 60
BATCH = 16
RATE = 0.01
DECAY = 3e-3


def sgd(rng, x, y):
    """x [N, 10] and y [N], both standardized."""
    w1 = rng.normal(0, np.sqrt(2 / x.shape[1]), (HIDDEN, x.shape[1])).astype(np.float32)
    w2 = rng.normal(0, np.sqrt(1 / HIDDEN), (1, HIDDEN)).astype(np.float32)
    b1, b2 = np.zeros(HIDDEN, np.float32), np.zeros(1, np.float32)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for at in range(0, len(order), BATCH):
            xb, yb = x[order[at:at + BATCH]], y[order[at:at + BATCH], None]
            hidden = np.maximum(xb @ w1.T + b1, 0)
            d_out = 2 * (hidden @ w2.T + b2 - yb) / len(xb)
            d_hidden = (d_out @ w2) * (hidden > 0)
            w2 -= RATE * (d_out.T @ hidden + DECAY * w2)
            b2 -= RATE * d_out.sum(0)
            w1 -= RATE * (d_hidden.T @ xb + DECAY * w1)
            b1 -= RATE * d_hidden.sum(0)
    return w1, b1, w2, b2


def export(w1, b1, w2, b2, path):
    b = common.Builder("diabetes_mlp")
    for name, value in (("w1", w1), ("b1", b1), ("w2", w2), ("b2", b2)):
        b.const(name, value.astype(np.float32))
    hidden = b.add("Relu", "relu", b.add("Gemm", "hidden", "features", "w1", "b1", transB=1))
    b.add("Gemm", "progression", hidden, "w2", "b2", transB=1)
    b.save(path, [("features", [1, 10])], [("progression", [1, 1])])


def main():
    rng = np.random.default_rng(SEED)
    data = load_diabetes(scaled=False)
    train, test = train_test_split(np.arange(len(data.data)), test_size=0.25, random_state=SEED)
    mean, std = data.data[train].mean(0), data.data[train].std(0)
    x = ((data.data - mean) / std).astype(np.float32)
    y_mean, y_std = data.target[train].mean(), data.target[train].std()
    y = ((data.target - y_mean) / y_std).astype(np.float32)
    w1, b1, w2, b2 = sgd(rng, x[train], y[train])

    path = HERE / "diabetes_mlp.onnx"
    # The last layer speaks the target's own units.
    export(w1, b1, w2 * y_std, b2 * y_std + y_mean, path)
    out = common.run(path, x[test])
    truth = data.target[test]
    rmse = np.sqrt(np.mean((out[:, 0] - truth) ** 2))
    r2 = 1 - np.sum((out[:, 0] - truth) ** 2) / np.sum((truth - truth.mean()) ** 2)
    print(f"test RMSE {rmse:.1f} (spread {truth.std():.1f}), R2 {r2:.3f}, {len(test)} patients")
    print("mean", [round(float(v), 5) for v in mean])
    print("std", [round(float(v), 5) for v in std])
    common.save_golden(HERE / "golden.npz", "features", x[test][:10], "progression", out[:10])
    common.save_eval(HERE / "eval.npz", x[test], truth.astype(np.float32))
    lines = [",".join(data.feature_names)] + [",".join(f"{v:g}" for v in row) for row in data.data[test][:1]]
    (HERE / "sample.csv").write_text("\n".join(lines) + "\n")
    print("sample's answer", out[0], "truth", truth[0])


main()
