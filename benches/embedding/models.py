"""Each peer's own form of a BERT folder, made from `config.json` and `model.safetensors` alone.

Nothing is downloaded and nothing is exported through PyTorch: the graphs are written node by node,
so that every peer computes the same thing, pooling and unit length included. Files are made once
in a folder of the caller's and found again later; each is written beside its name and moved there,
so that a run that was stopped leaves no half of one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

MICROSOFT = "com.microsoft"


class Weights:
    """The tensors of a folder in f32, and the numbers of its `config.json`."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        config = json.loads((folder / "config.json").read_text())
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
            raise ValueError(f"{folder}: a BERT with gelu is expected")
        self.layers = int(config["num_hidden_layers"])
        self.heads = int(config["num_attention_heads"])
        self.width = int(config["hidden_size"])
        self.inner = int(config["intermediate_size"])
        self.eps = float(config["layer_norm_eps"])
        tensors = load_file(str(folder / "model.safetensors"))
        self._tensors = {name.removeprefix("bert."): t for name, t in tensors.items()}

    def __getitem__(self, name: str) -> np.ndarray:
        return np.ascontiguousarray(self._tensors[name], dtype=np.float32)

    def linear(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The matrix as (inputs, outputs), and the bias."""
        return np.ascontiguousarray(self[name + ".weight"].T), self[name + ".bias"]

    def norm(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        return self[name + ".weight"], self[name + ".bias"]

    def positions(self) -> np.ndarray:
        """Positions with token type 0 added: texts are always of one segment."""
        types = self["embeddings.token_type_embeddings.weight"]
        return self["embeddings.position_embeddings.weight"] + types[0]

    def flops_per_token(self, length: float) -> float:
        """Two operations a multiply-add: linear layers, and attention over `length` tokens."""
        linear = 2 * self.layers * (4 * self.width**2 + 2 * self.width * self.inner)
        return linear + 4 * self.layers * self.width * length


class Graph:
    """An ONNX graph in the making: every call appends a node and answers its output's name."""

    def __init__(self) -> None:
        self.nodes: list = []
        self.constants: dict = {}

    def constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str | np.ndarray, domain: str = "", **attributes) -> str:
        from onnx import helper

        name = f"{op}_{len(self.nodes)}"
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(
            helper.make_node(op, names, [name], name=name, domain=domain, **attributes)
        )
        return name

    def save(self, path: Path, result: str, width: int, opset: int) -> None:
        import onnx
        from onnx import TensorProto, helper

        self.node("Identity", result)
        self.nodes[-1].output[0] = "vectors"
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
            for name in ("ids", "mask")
        ]
        out = helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", width])
        graph = helper.make_graph(self.nodes, "bert", inputs, [out], list(self.constants.values()))
        sets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=9), str(path))


def _embeddings(graph: Graph, weights: Weights) -> str:
    words = graph.node("Gather", weights["embeddings.word_embeddings.weight"], "ids")
    tokens = graph.node("Gather", graph.node("Shape", "ids"), graph.ints(1), axis=0)
    places = graph.node("Slice", weights.positions(), graph.ints(0), tokens, graph.ints(0))
    gain, shift = weights.norm("embeddings.LayerNorm")
    total = graph.node("Add", words, places)
    return graph.node("LayerNormalization", total, gain, shift, axis=-1, epsilon=weights.eps)


def _mean(graph: Graph, hidden: str) -> str:
    """The mean over the tokens that are there, at unit length (the mean's divisor cancels)."""
    mask = graph.node("Cast", "mask", to=1)
    kept = graph.node("Mul", hidden, graph.node("Unsqueeze", mask, graph.ints(2)))
    total = graph.node("ReduceSum", kept, graph.ints(1), keepdims=0)
    square = graph.node("ReduceSum", graph.node("Mul", total, total), graph.ints(1), keepdims=1)
    return graph.node("Div", total, graph.node("Sqrt", square))


def plain_graph(weights: Weights, path: Path) -> None:
    """Standard operators only, for OpenVINO, which fuses them itself."""
    g = Graph()

    def linear(x: str, name: str) -> str:
        matrix, bias = weights.linear(name)
        return g.node("Add", g.node("MatMul", x, matrix), bias)

    def norm(x: str, name: str) -> str:
        gain, shift = weights.norm(name)
        return g.node("LayerNormalization", x, gain, shift, axis=-1, epsilon=weights.eps)

    x = _embeddings(g, weights)
    absent = g.node("Sub", np.float32(1), g.node("Cast", "mask", to=1))
    absent = g.node("Mul", absent, np.float32(-1e4))
    absent = g.node("Unsqueeze", absent, g.ints(1, 2))
    size = weights.width // weights.heads
    split, joined = g.ints(0, 0, weights.heads, size), g.ints(0, 0, weights.width)
    scale = np.float32(size**-0.5)
    for layer in range(weights.layers):
        at = f"encoder.layer.{layer}."
        q, k, v = (
            g.node("Reshape", linear(x, at + "attention.self." + name), split)
            for name in ("query", "key", "value")
        )
        q, v = (g.node("Transpose", y, perm=[0, 2, 1, 3]) for y in (q, v))
        k = g.node("Transpose", k, perm=[0, 2, 3, 1])
        scores = g.node("Mul", g.node("MatMul", q, k), scale)
        shares = g.node("Softmax", g.node("Add", scores, absent), axis=-1)
        context = g.node("Transpose", g.node("MatMul", shares, v), perm=[0, 2, 1, 3])
        y = linear(g.node("Reshape", context, joined), at + "attention.output.dense")
        x = norm(g.node("Add", y, x), at + "attention.output.LayerNorm")
        y = g.node("Gelu", linear(x, at + "intermediate.dense"))
        y = linear(y, at + "output.dense")
        x = norm(g.node("Add", y, x), at + "output.LayerNorm")
    g.save(path, _mean(g, x), weights.width, 20)


def fused_graph(weights: Weights, path: Path) -> None:
    """ONNX Runtime's fused operators: the fastest form that it runs."""
    g = Graph()
    x = _embeddings(g, weights)
    mask = g.node("Cast", "mask", to=6)

    def add_norm(y: str, x: str, dense: str, norm: str) -> str:
        matrix, bias = weights.linear(dense)
        y = g.node("MatMul", y, matrix)
        gain, shift = weights.norm(norm)
        return g.node(
            "SkipLayerNormalization", y, x, gain, shift, bias, domain=MICROSOFT, epsilon=weights.eps
        )

    for layer in range(weights.layers):
        at = f"encoder.layer.{layer}."
        parts = [weights.linear(at + "attention.self." + n) for n in ("query", "key", "value")]
        matrix = np.concatenate([m for m, _ in parts], axis=1)
        bias = np.concatenate([b for _, b in parts])
        heads = {"num_heads": weights.heads}
        y = g.node("Attention", x, matrix, bias, mask, domain=MICROSOFT, **heads)
        x = add_norm(y, x, at + "attention.output.dense", at + "attention.output.LayerNorm")
        matrix, bias = weights.linear(at + "intermediate.dense")
        y = g.node("BiasGelu", g.node("MatMul", x, matrix), bias, domain=MICROSOFT)
        x = add_norm(y, x, at + "output.dense", at + "output.LayerNorm")
    g.save(path, _mean(g, x), weights.width, 17)


def ort_int8(fused: Path, path: Path) -> None:
    """ONNX Runtime's dynamic quantisation: weights by column, activations by tensor."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(fused),
        str(path),
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
    )


def openvino_int8(plain: Path, path: Path, samples: list[dict[str, np.ndarray]]) -> None:
    """NNCF's post-training quantisation, calibrated on texts that are not measured."""
    import nncf
    import openvino

    model = nncf.quantize(
        openvino.Core().read_model(str(plain)),
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
        advanced_parameters=nncf.AdvancedQuantizationParameters(smooth_quant_alpha=0.5),
    )
    openvino.save_model(model, str(path), compress_to_fp16=False)


def openvino_weights(plain: Path, path: Path) -> None:
    """Weights alone in int8: activations are quantised as they come, in groups."""
    import nncf
    import openvino

    model = openvino.Core().read_model(str(plain))
    model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    openvino.save_model(model, str(path), compress_to_fp16=False)


def ctranslate2_model(weights: Weights, folder: Path, path: Path) -> None:
    """CTranslate2's own format through its specification, from numpy."""
    from ctranslate2.specs import common_spec, transformer_spec

    encoder = transformer_spec.TransformerEncoderSpec(
        weights.layers,
        weights.heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = transformer_spec.TransformerEncoderModelSpec(encoder)
    encoder.scale_embeddings = False

    def linear(to, *names: str) -> None:
        to.weight = np.concatenate([weights[name + ".weight"] for name in names])
        to.bias = np.concatenate([weights[name + ".bias"] for name in names])

    def norm(to, name: str) -> None:
        to.gamma, to.beta = weights.norm(name)

    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    encoder.embeddings[1].weight = weights["embeddings.token_type_embeddings.weight"]
    encoder.position_encodings.encodings = weights["embeddings.position_embeddings.weight"]
    norm(encoder.layernorm_embedding, "embeddings.LayerNorm")
    for layer, to in enumerate(encoder.layer):
        at = f"encoder.layer.{layer}."
        own = at + "attention.self."
        linear(to.self_attention.linear[0], own + "query", own + "key", own + "value")
        linear(to.self_attention.linear[1], at + "attention.output.dense")
        norm(to.self_attention.layer_norm, at + "attention.output.LayerNorm")
        linear(to.ffn.linear_0, at + "intermediate.dense")
        linear(to.ffn.linear_1, at + "output.dense")
        norm(to.ffn.layer_norm, at + "output.LayerNorm")
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    spec.register_vocabulary(sorted(vocabulary, key=vocabulary.get))
    spec.config.unk_token = "[UNK]"
    spec.config.layer_norm_epsilon = weights.eps
    spec.validate()
    os.makedirs(path)
    spec.save(str(path))


def prepare(
    folder: Path, work: Path, wanted: set[str], samples: Callable[[], list[dict[str, np.ndarray]]]
) -> dict[str, str]:
    """Makes the wanted files in `work`; answers why each of the others could not be made."""
    work.mkdir(parents=True, exist_ok=True)
    plain, fused = work / "plain.onnx", work / "fused.onnx"
    weights = Weights(folder)
    makers: dict[str, tuple[list[str], Callable[[Path], None]]] = {
        "plain.onnx": ([], lambda path: plain_graph(weights, path)),
        "fused.onnx": ([], lambda path: fused_graph(weights, path)),
        "ort_int8.onnx": (["fused.onnx"], lambda path: ort_int8(fused, path)),
        "ov_int8.xml": (["plain.onnx"], lambda path: openvino_int8(plain, path, samples())),
        "ov_weights.xml": (["plain.onnx"], lambda path: openvino_weights(plain, path)),
        "ct2": ([], lambda path: ctranslate2_model(weights, folder, path)),
    }
    failed: dict[str, str] = {}

    def make(name: str) -> None:
        needs, maker = makers[name]
        for need in needs:
            make(need)
        if name in failed or (work / name).exists():
            return
        half = work / f"half-{os.getpid()}-{name}"
        try:
            print(f"making {name}", flush=True)
            maker(half)
            if name.endswith(".xml"):
                os.replace(half.with_suffix(".bin"), (work / name).with_suffix(".bin"))
            os.replace(half, work / name)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"

    for name in sorted(wanted):
        make(name)
    return failed
