"""Trains and exports sunspots_lstm: forecasts next year's mean sunspot number from the last 33 years."""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import statsmodels.api as sm

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
import common  # noqa: E402

SEED = 5
YEARS = 33
WIDTH = 24
TEST_FROM = 1950
# Every year of a window but the first few is a training target, not only the last.
WARM_UP = 8
DECAY = 3e-4
# Rough centre and spread of the series: inputs and target are scaled by them.
MEAN, STD = 50.0, 40.0


def init(rng):
    """Gates in ONNX's order: input, output, forget, cell."""
    bias = np.zeros(4 * WIDTH, np.float32)
    bias[2 * WIDTH:3 * WIDTH] = 1.0
    return {"w": common.normal(rng, 4 * WIDTH, 1, fan_in=2 * WIDTH), "b": bias,
            "r": common.normal(rng, 4 * WIDTH, WIDTH, fan_in=2 * WIDTH),
            "out_w": common.normal(rng, 1, WIDTH, fan_in=2 * WIDTH), "out_b": np.zeros(1, np.float32)}


def forward(p, x):
    """x [N, YEARS] -> the forecast after each year [N, YEARS]"""
    def step(state, x):
        h, c = state
        i, o, f, g = jnp.split(x[:, None] @ p["w"].T + h @ p["r"].T + p["b"], 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), (h @ p["out_w"].T + p["out_b"])[:, 0]

    zeros = jnp.zeros((x.shape[0], WIDTH))
    return jax.lax.scan(step, (zeros, zeros), x.T)[1].T


def export(p, path):
    b = common.Builder("sunspots_lstm")
    p = {name: np.asarray(value) for name, value in p.items()}
    b.const("w", p["w"][None])
    b.const("r", p["r"][None])
    b.const("b", np.concatenate([p["b"], np.zeros_like(p["b"])])[None])
    # The last layer speaks the series' own unit.
    b.const("out_w", p["out_w"] * np.float32(STD))
    b.const("out_b", p["out_b"] * np.float32(STD) + np.float32(MEAN))
    b.const("axis", np.array([0]))
    # [1, YEARS, 1] -> the operator's [YEARS, 1, 1].
    x = b.add("Transpose", "time_major", "years", perm=[1, 0, 2])
    b.nodes.append(common.helper.make_node("LSTM", [x, "w", "r", "b"], ["", "last"], name="lstm", hidden_size=WIDTH))
    b.add("Gemm", "forecast", b.add("Squeeze", "state", "last", "axis"), "out_w", "out_b", transB=1)
    b.save(path, [("years", [1, YEARS, 1])], [("forecast", [1, 1])])


def main():
    rng = np.random.default_rng(SEED)
    data = sm.datasets.sunspots.load_pandas().data
    year, spots = data["YEAR"].to_numpy().astype(int), data["SUNACTIVITY"].to_numpy()
    starts = np.arange(len(spots) - YEARS)
    x = ((np.stack([spots[s:s + YEARS] for s in starts]) - MEAN) / STD).astype(np.float32)
    y = ((spots[starts + YEARS] - MEAN) / STD).astype(np.float32)
    train, test = starts[year[starts + YEARS] < TEST_FROM], starts[year[starts + YEARS] >= TEST_FROM]

    def loss(p, x, y):
        wanted = jnp.concatenate([x[:, 1:], y[:, None]], 1)
        errors = (forward(p, x) - wanted)[:, WARM_UP:]
        return jnp.mean(errors ** 2) + DECAY * sum(jnp.sum(v * v) for v in p.values())

    p = common.adam(loss, init(rng), common.epochs(rng, 100, 16, x[train], y[train]), 5e-3)

    path = HERE / "sunspots_lstm.onnx"
    export(p, path)
    out = common.run(path, x[test][..., None])[:, 0]
    truth, last = spots[test + YEARS], spots[test + YEARS - 1]
    print(f"test MAE {np.abs(out - truth).mean():.2f}, of last year's value {np.abs(last - truth).mean():.2f}, "
          f"of the mean {np.abs(spots[train].mean() - truth).mean():.2f}; {len(test)} years from {TEST_FROM}")
    common.save_golden(HERE / "golden.npz", "years", x[test][:10, :, None], "forecast", out[:10, None])
    common.save_eval(HERE / "eval.npz", x[test][..., None], truth.astype(np.float32))
    lines = ["sunspots"] + [f"{v:g}" for v in spots[-YEARS:]]
    (HERE / "sample.csv").write_text("\n".join(lines) + "\n")
    print("after", year[-1], "comes", common.run(path, ((spots[None, -YEARS:, None] - MEAN) / STD).astype(np.float32)))


main()
