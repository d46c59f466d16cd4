"""The engines that are compared: what each needs, and how each turns texts into vectors.

Every engine takes a list of texts that belong to one batch and answers unit vectors. Peers are
given ids by the `tokenizers` package, the fastest tokenizer there is in Python, and batches that
suit them; `ours` is given whatever the caller has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

CANDLE = "candle_f32"

Encode = Callable[[list[str]], np.ndarray]


class Engine(NamedTuple):
    """One row of the tables."""

    name: str
    precision: str
    file: str
    load: Callable[[Path, Path, str, int], Callable[[list[list[int]]], np.ndarray] | None]


def padded(ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    longest = max(map(len, ids))
    tokens = np.zeros((len(ids), longest), np.int64)
    mask = np.zeros((len(ids), longest), np.int64)
    for row, own in enumerate(ids):
        tokens[row, : len(own)] = own
        mask[row, : len(own)] = 1
    return tokens, mask


def _unit_mean(hidden: np.ndarray, mask: np.ndarray) -> np.ndarray:
    total = np.einsum("bsd,bs->bd", hidden, mask.astype(np.float32))
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def _onnx_runtime(model: Path, folder: Path, precision: str, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def forward(ids: list[list[int]]) -> np.ndarray:
        tokens, mask = padded(ids)
        return session.run(None, {"ids": tokens, "mask": mask})[0]

    return forward


def _openvino(model: Path, folder: Path, precision: str, threads: int):
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32" if precision == "f32" else "bf16",
    }
    if model.name == "ov_weights.xml":
        settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 384
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = openvino.Core().compile_model(str(model), "CPU", settings)

    def forward(ids: list[list[int]]) -> np.ndarray:
        tokens, mask = padded(ids)
        return compiled({"ids": tokens, "mask": mask})[0].astype(np.float32)

    return forward


def _ctranslate2(model: Path, folder: Path, precision: str, threads: int):
    import ctranslate2

    kind = {"f32": "float32", "int8": "int8_float32", "bf16": "bfloat16"}[precision]
    encoder = ctranslate2.Encoder(
        str(model), device="cpu", compute_type=kind, inter_threads=1, intra_threads=threads
    )

    def forward(ids: list[list[int]]) -> np.ndarray:
        hidden = np.array(encoder.forward_batch(ids).last_hidden_state, dtype=np.float32)
        return _unit_mean(hidden, padded(ids)[1])

    return forward


def _torch(model: Path, folder: Path, precision: str, threads: int):
    import torch
    from transformers import BertModel

    torch.set_num_threads(threads)
    kind = torch.float32 if precision == "f32" else torch.bfloat16
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=kind).eval()

    def forward(ids: list[list[int]]) -> np.ndarray:
        tokens, mask = padded(ids)
        with torch.inference_mode():
            shown = None if mask.all() else torch.from_numpy(mask)
            hidden = bert(input_ids=torch.from_numpy(tokens), attention_mask=shown)
            return _unit_mean(hidden.last_hidden_state.float().numpy(), mask)

    return forward


def _own_tokenizer(*_):
    """Engines that take texts are opened by `encoder`; candle is a program of its own."""


ENGINES = [
    Engine("ours_f32", "f32", "", _own_tokenizer),
    Engine("ours_bf16", "bf16", "", _own_tokenizer),
    Engine("ours_int8", "int8", "", _own_tokenizer),
    Engine("ours_static", "static", "", _own_tokenizer),
    Engine("ort_f32", "f32", "fused.onnx", _onnx_runtime),
    Engine("ort_int8", "int8", "ort_int8.onnx", _onnx_runtime),
    Engine("ov_f32", "f32", "plain.onnx", _openvino),
    Engine("ov_bf16", "bf16", "plain.onnx", _openvino),
    Engine("ov_int8", "int8", "ov_int8.xml", _openvino),
    Engine("ov_weights", "int8", "ov_weights.xml", _openvino),
    Engine("ct2_f32", "f32", "ct2", _ctranslate2),
    Engine("ct2_int8", "int8", "ct2", _ctranslate2),
    Engine("torch_bf16", "bf16", "", _torch),
    Engine("st_f32", "f32", "", _own_tokenizer),
    Engine(CANDLE, "f32", "", _own_tokenizer),
]
BY_NAME = {engine.name: engine for engine in ENGINES}


def _ours(folder: Path, precision: str, threads: int, longest: int) -> Encode:
    from ragcore import Embedder

    if precision == "static":
        return Embedder(threads=threads).encode
    embedder = Embedder(str(folder), precision=precision, threads=threads, max_tokens=longest)
    return embedder.encode


def _sentence_transformers(folder: Path, threads: int, longest: int) -> Encode:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    model.max_seq_length = longest

    def encode(texts: list[str]) -> np.ndarray:
        return model.encode(
            texts, batch_size=len(texts), show_progress_bar=False, normalize_embeddings=True
        )

    return encode


def encoder(name: str, folder: Path, work: Path, threads: int, longest: int) -> Encode:
    """Opens the engine `name`; texts are cut to `longest` tokens."""
    engine = BY_NAME[name]
    if name.startswith("ours"):
        return _ours(folder, engine.precision, threads, longest)
    if name == "st_f32":
        return _sentence_transformers(folder, threads, longest)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    forward = engine.load(work / engine.file, folder, engine.precision, threads)

    def encode(texts: list[str]) -> np.ndarray:
        if len(texts) == 1:
            return forward([tokenizer.encode(texts[0]).ids])
        return forward([own.ids for own in tokenizer.encode_batch_fast(texts)])

    return encode


def environment(threads: int) -> dict[str, str]:
    """What a worker's process starts with, so that no library helps itself to more threads."""
    pinned = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"]
    own = dict(os.environ, **dict.fromkeys(pinned, str(threads)))
    own["TOKENIZERS_PARALLELISM"] = "true" if threads > 1 else "false"
    own["HF_HUB_OFFLINE"] = "1"
    return own
