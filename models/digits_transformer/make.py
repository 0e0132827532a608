"""Trains and exports digits_transformer: an encoder that reads a handwritten digit as a sequence of its eight rows."""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

SEED = 11
ROWS, COLUMNS, WIDTH, HEADS, HIDDEN, BLOCKS = 8, 8, 32, 4, 64, 2
EPSILON = 1e-5


def init(rng):
    zeros, ones = (lambda n: np.zeros(n, np.float32)), (lambda n: np.ones(n, np.float32))
    p = {"embed_w": common.normal(rng, COLUMNS, WIDTH, fan_in=2 * COLUMNS), "embed_b": zeros(WIDTH),
         "position": common.normal(rng, ROWS, WIDTH, fan_in=200),
         "head_w": common.normal(rng, WIDTH, 10, fan_in=2 * WIDTH), "head_b": zeros(10),
         "final_scale": ones(WIDTH), "final_shift": zeros(WIDTH)}
    for i in range(BLOCKS):
        for part, (a, b) in {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "o": (WIDTH, WIDTH),
                             "up": (WIDTH, HIDDEN), "down": (HIDDEN, WIDTH)}.items():
            p[f"b{i}_{part}_w"], p[f"b{i}_{part}_b"] = common.normal(rng, a, b, fan_in=2 * a), zeros(b)
        for part in ("attention", "mlp"):
            p[f"b{i}_{part}_scale"], p[f"b{i}_{part}_shift"] = ones(WIDTH), zeros(WIDTH)
    return p


def forward(p, x):
    """x [N, ROWS, COLUMNS] -> logits [N, 10]"""
    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / jnp.sqrt((x * x).mean(-1, keepdims=True) + EPSILON) * p[f"{name}_scale"] + p[f"{name}_shift"]

    def dense(x, name):
        return x @ p[f"{name}_w"] + p[f"{name}_b"]

    def heads(x):
        return x.reshape(-1, ROWS, HEADS, WIDTH // HEADS).transpose(0, 2, 1, 3)

    x = dense(x, "embed") + p["position"]
    for i in range(BLOCKS):
        y = norm(x, f"b{i}_attention")
        q, k, v = (heads(dense(y, f"b{i}_{part}")) for part in "qkv")
        weights = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / np.sqrt(WIDTH / HEADS))
        x = x + dense((weights @ v).transpose(0, 2, 1, 3).reshape(-1, ROWS, WIDTH), f"b{i}_o")
        y = jax.nn.gelu(dense(norm(x, f"b{i}_mlp"), f"b{i}_up"), approximate=False)
        x = x + dense(y, f"b{i}_down")
    return dense(norm(x, "final").mean(1), "head")


def export(p, path):
    b = common.Builder("digits_transformer")
    for name, value in p.items():
        b.const(name, np.asarray(value))
    split = b.const("split_shape", np.array([1, ROWS, HEADS, WIDTH // HEADS]))
    merge = b.const("merge_shape", np.array([1, ROWS, WIDTH]))
    scale = b.const("attention_factor", np.float32(1 / np.sqrt(WIDTH / HEADS)))
    half, one, root2 = (b.const(n, np.float32(v)) for n, v in (("half", 0.5), ("one", 1), ("root2", np.sqrt(2))))

    def dense(name, x):
        return b.add("Add", name, b.add("MatMul", f"{name}_matmul", x, f"{name}_w"), f"{name}_b")

    def norm(name, x):
        return b.add("LayerNormalization", f"{name}_norm", x, f"{name}_scale", f"{name}_shift", axis=-1, epsilon=EPSILON)

    def heads(name, x, perm):
        return b.add("Transpose", f"{name}_heads", b.add("Reshape", f"{name}_split", x, split), perm=perm)

    def gelu(name, x):
        y = b.add("Erf", f"{name}_erf", b.add("Div", f"{name}_div", x, root2))
        y = b.add("Mul", f"{name}_mul", x, b.add("Add", f"{name}_add", y, one))
        return b.add("Mul", f"{name}_gelu", y, half)

    x = b.add("Add", "embedded", dense("embed", "rows"), "position")
    for i in range(BLOCKS):
        n = f"b{i}"
        y = norm(f"{n}_attention", x)
        q, v = (heads(f"{n}_{part}", dense(f"{n}_{part}", y), [0, 2, 1, 3]) for part in "qv")
        k = heads(f"{n}_k", dense(f"{n}_k", y), [0, 2, 3, 1])
        weights = b.add("Softmax", f"{n}_softmax", b.add("Mul", f"{n}_scaled", b.add("MatMul", f"{n}_qk", q, k), scale))
        y = b.add("Transpose", f"{n}_rows", b.add("MatMul", f"{n}_qkv", weights, v), perm=[0, 2, 1, 3])
        x = b.add("Add", f"{n}_attended", x, dense(f"{n}_o", b.add("Reshape", f"{n}_merge", y, merge)))
        y = gelu(n, dense(f"{n}_up", norm(f"{n}_mlp", x)))
        x = b.add("Add", f"{n}_out", x, dense(f"{n}_down", y))
    x = b.add("ReduceMean", "pooled", norm("final", x), axes=[1], keepdims=0)
    b.add("Gemm", "logits", x, "head_w", "head_b")
    b.save(path, [("rows", [1, ROWS, COLUMNS])], [("logits", [1, 10])])


def main():
    rng = np.random.default_rng(SEED)
    digits = load_digits()
    x = (digits.images / 16).astype(np.float32)
    train, test = train_test_split(np.arange(len(x)), test_size=0.25, random_state=SEED, stratify=digits.target)
    batches = common.epochs(rng, 120, 64, x[train], digits.target[train])
    p = common.adam(lambda p, x, y: common.cross_entropy(forward(p, x), y), init(rng), batches, 2e-3)

    path = HERE / "digits_transformer.onnx"
    export(p, path)
    logits = common.run(path, x[test])
    print("test accuracy", common.accuracy(logits, digits.target[test]), "of", len(test))
    common.save_golden(HERE / "golden.npz", "rows", x[test][:10], "logits", logits[:10])
    common.save_eval(HERE / "eval.npz", x[test], digits.target[test].astype(np.int32))
    (HERE / "labels.txt").write_text("".join(f"{d}\n" for d in range(10)))
    first = test[digits.target[test] == 4][0]
    Image.fromarray(np.round(digits.images[first] * 255 / 16).astype(np.uint8)).save(HERE / "sample_4.png")


main()
