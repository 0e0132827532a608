"""What the make.py of every model shares: the optimizer, the ONNX file, the golden vectors.

    python -m venv .venv && .venv/bin/pip install -r models/requirements.txt
    .venv/bin/python models/NAME/make.py
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


def adam(loss, params, batches, rate):
    """Minimizes loss(params, *batch) over the batches; the rate falls to zero along half a cosine."""
    batches = list(batches)
    gradient = jax.jit(jax.grad(loss))
    mean = jax.tree.map(jnp.zeros_like, params)
    square = jax.tree.map(jnp.zeros_like, params)

    @jax.jit
    def update(params, mean, square, grads, t):
        step = rate * 0.5 * (1 + jnp.cos(jnp.pi * t / len(batches)))
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
        square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grads)
        params = jax.tree.map(
            lambda p, m, s: p - step * (m / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(s / (1 - 0.999 ** (t + 1))) + 1e-8),
            params, mean, square)
        return params, mean, square

    for t, batch in enumerate(batches):
        params, mean, square = update(params, mean, square, gradient(params, *batch), float(t))
    return params


def epochs(rng, count, size, *arrays):
    """Shuffled batches of all arrays, `count` times over."""
    for _ in range(count):
        order = rng.permutation(len(arrays[0]))
        for at in range(0, len(order) - size + 1, size):
            yield tuple(a[order[at:at + size]] for a in arrays)


def cross_entropy(logits, labels):
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])


def normal(rng, *shape, fan_in):
    return jnp.asarray(rng.normal(0.0, np.sqrt(2.0 / fan_in), shape), jnp.float32)


class Builder:
    """Writes an ONNX graph node by node; each call gives the name of the node's output."""

    def __init__(self, name):
        self.name, self.nodes, self.initializers = name, [], []

    def const(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op, name, *inputs, outputs=1, **attributes):
        names = [name] if outputs == 1 else [f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def save(self, path, inputs, outputs):
        infos = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in io] for io in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, self.name, *infos, initializer=self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="coulter")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)
        assert pathlib.Path(path).stat().st_size < 1_000_000


def run(path, xs):
    """Outputs of onnxruntime for each row of xs, of batch one."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x[None]})[0] for x in xs])


def save_golden(path, input_name, xs, output_name, ys):
    """A few inputs with onnxruntime's outputs; the leading axis counts the cases."""
    np.savez(path, **{input_name: xs, output_name: ys})


def save_eval(path, xs, ys):
    """The held-out samples that the model card's metric is measured on."""
    np.savez_compressed(path, x=xs, y=ys)


def accuracy(logits, labels):
    return float(np.mean(np.argmax(logits, 1) == labels))
