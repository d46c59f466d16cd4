"""A model folder of one layer and seven words: small enough to make anew in each test."""

from __future__ import annotations

import json
import math
import random
import struct
from pathlib import Path
from typing import Any

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "sat"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 4,
    "num_attention_heads": 1,
    "intermediate_size": 4,
    "num_hidden_layers": 1,
    "vocab_size": len(WORDS),
    "max_position_embeddings": 24,
    "type_vocab_size": 2,
}
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": None,
        "lowercase": True,
    },
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "decoder": None,
    "model": {
        "type": "WordPiece",
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
        "vocab": {word: i for i, word in enumerate(WORDS)},
    },
}


def shapes() -> dict[str, list[int]]:
    """The tensors of the model."""
    layer = "encoder.layer.0."
    linear = ["self.query", "self.key", "self.value", "output.dense"]
    linears = [
        *(f"{layer}attention.{part}" for part in linear),
        f"{layer}intermediate.dense",
        f"{layer}output.dense",
    ]
    norms = [
        "embeddings.LayerNorm",
        f"{layer}attention.output.LayerNorm",
        f"{layer}output.LayerNorm",
    ]
    return {
        "embeddings.word_embeddings.weight": [len(WORDS), 4],
        "embeddings.position_embeddings.weight": [24, 4],
        "embeddings.token_type_embeddings.weight": [2, 4],
        **{f"{name}.weight": [4, 4] for name in linears},
        **{f"{name}.weight": [4] for name in norms},
        **{f"{name}.bias": [4] for name in linears + norms},
    }


def weights(dtype: str = "F32", **changed: list[int]) -> bytes:
    """The weights file, with other shapes where ``changed`` says so."""
    rng = random.Random(1)
    header: dict[str, Any] = {}
    data = b""
    for name, usual in shapes().items():
        shape = changed.get(name, usual)
        count = math.prod(shape)
        numbers = [rng.gauss(0, 1) for _ in range(count)]
        floats = struct.pack(f"<{count}{'d' if dtype == 'F64' else 'f'}", *numbers)
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(floats)],
        }
        data += floats
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(folder: Path, **files: object) -> Path:
    """Writes the folder; ``files`` are bytes or JSON by name without ending, or None for none."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"config": CONFIG, "tokenizer": TOKENIZER, "model": weights(), **files}
    for name, content in parts.items():
        if content is None:
            continue
        ending = "safetensors" if name == "model" else "json"
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / f"{name}.{ending}").write_bytes(raw)
    return folder
