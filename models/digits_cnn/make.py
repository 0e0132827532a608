"""Trains and exports digits_cnn: a small convolutional network that reads handwritten digits of 8 by 8 pixels."""

import pathlib
import sys

import jax
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

SEED = 7


def init(rng):
    return {
        "w1": common.normal(rng, 16, 1, 3, 3, fan_in=9), "b1": np.zeros(16, np.float32),
        "w2": common.normal(rng, 32, 16, 3, 3, fan_in=144), "b2": np.zeros(32, np.float32),
        "w3": common.normal(rng, 32, 32, 3, 3, fan_in=288), "b3": np.zeros(32, np.float32),
        "w4": common.normal(rng, 10, 32, fan_in=32), "b4": np.zeros(10, np.float32),
    }


def conv(x, w, b):
    y = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    return y + b[None, :, None, None]


def forward(p, x):
    x = jax.nn.relu(conv(x, p["w1"], p["b1"]))
    x = jax.nn.relu(conv(x, p["w2"], p["b2"]))
    x = jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = jax.nn.relu(conv(x, p["w3"], p["b3"]))
    return x.mean((2, 3)) @ p["w4"].T + p["b4"]


def export(p, path):
    b = common.Builder("digits_cnn")
    for name, value in p.items():
        b.const(name, np.asarray(value))
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    x = b.add("Relu", "relu1", b.add("Conv", "conv1", "image", "w1", "b1", **same))
    x = b.add("Relu", "relu2", b.add("Conv", "conv2", x, "w2", "b2", **same))
    x = b.add("MaxPool", "pool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b.add("Relu", "relu3", b.add("Conv", "conv3", x, "w3", "b3", **same))
    x = b.add("Flatten", "flatten", b.add("GlobalAveragePool", "average", x))
    b.add("Gemm", "logits", x, "w4", "b4", transB=1)
    b.save(path, [("image", [1, 1, 8, 8])], [("logits", [1, 10])])


def main():
    rng = np.random.default_rng(SEED)
    digits = load_digits()
    # Grey levels 0 to 16; one channel, 0 to 1.
    x = (digits.images / 16).astype(np.float32)[:, None]
    train, test = train_test_split(np.arange(len(x)), test_size=0.25, random_state=SEED, stratify=digits.target)
    batches = common.epochs(rng, 60, 64, x[train], digits.target[train])
    p = common.adam(lambda p, x, y: common.cross_entropy(forward(p, x), y), init(rng), batches, 3e-3)

    path = HERE / "digits_cnn.onnx"
    export(p, path)
    logits = common.run(path, x[test])
    print("test accuracy", common.accuracy(logits, digits.target[test]), "of", len(test))
    common.save_golden(HERE / "golden.npz", "image", x[test][:10], "logits", logits[:10])
    common.save_eval(HERE / "eval.npz", x[test], digits.target[test].astype(np.int32))
    (HERE / "labels.txt").write_text("".join(f"{d}\n" for d in range(10)))
    for digit in (3, 7):
        first = test[digits.target[test] == digit][0]
        Image.fromarray(np.round(digits.images[first] * 255 / 16).astype(np.uint8)).save(HERE / f"sample_{digit}.png")


main()
