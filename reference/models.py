"""Small random models of every family that the engine or candle runs, and their vectors by an independent implementation.

Writes rag-core/tests/models/<name>.json: the config as such models publish it, a tokenizer of the family's kind, the names
and shapes of the tensors, texts, and what Hugging Face transformers computes for them in float64 (for Jina's, which it does not have, the formulas below). No weights are stored:
a weight is a hash of its tensor's name and its place, the same here and in rag-core/tests/families/model.rs.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 numpy==2.4.6
    python reference/models.py
"""

import collections
import itertools
import json
import pathlib
import types

import numpy
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

OUT = pathlib.Path(__file__).parent.parent / "rag-core" / "tests" / "models"

STORY = (
    "The ferry left before dawn, and nobody on the quay had slept. A small boat followed it, slowly at first, then with "
    "all the speed that two tired rowers could find; the harbour master wrote their names into his book and went home. "
    "What is the shortest way to the island? There are 12 bridges, 3 of which were closed in 1987. "
)
# Texts: nothing, one word, ordinary ones, foreign letters, tokens written out, and two that are longer than most limits.
TEXTS = [
    "",
    "ferry",
    "What is the shortest way to the island?",
    "Nobody followed the small boat.",
    "naïve café, Übergröße; 12.5% of 1,987",
    "日本 and an emoji 🙂 here",
    "the <pad> [PAD] of a <s> sentence [CLS]",
    STORY,
    STORY * 4,
]


def mix(x):
    """The output function of SplitMix64 (Steele, Lea and Flood, 2014)."""
    x ^= x >> numpy.uint64(30)
    x *= numpy.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> numpy.uint64(27)
    x *= numpy.uint64(0x94D049BB133111EB)
    return x ^ x >> numpy.uint64(31)


def weights(name, shape, center, scale):
    """Element i is center + scale * u, u in -1..1 from the top 16 bits of mix(FNV-1a(name) + i * golden ratio)."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    places = numpy.arange(numpy.prod(shape), dtype=numpy.uint64)
    with numpy.errstate(over="ignore"):
        bits = mix(numpy.uint64(state) + places * numpy.uint64(0x9E3779B97F4A7C15)) >> numpy.uint64(48)
    uniform = (bits.astype(numpy.float32) - numpy.float32(32767.5)) * numpy.float32(2**-15)
    return (numpy.float32(center) + numpy.float32(scale) * uniform).reshape(shape)


# Tokenizers, small and of the family's kind.


def words():
    """The words of the story, commonest first."""
    counted = collections.Counter("".join(c if c.isalnum() else " " for c in STORY).split())
    return sorted(counted, key=lambda word: (-counted[word], word))


def wordpiece(special, lowercase=True):
    """As BERT's: `special` lists pad, unknown, first and last token at their ids."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = special + list(",.;?!'-%日") + list(letters) + ["##" + c for c in letters]
    pieces += sorted({w.lower() for w in words()[::2]} - set(pieces)) + ["##ed", "##ing", "##ly"]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    unknown, first, last = (next(s for s in special if s.strip("<[]>").lower() in names)
                            for names in (("unk",), ("cls", "s"), ("sep", "/s")))
    built = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    built.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return framed(built, special, vocabulary, first, last)


def byte_pairs(special, first, last, merges=150):
    """As GPT-2's, RoBERTa's and ModernBERT's: bytes, and the commonest neighbours joined (Sennrich and others, 2016)."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    chunks = collections.Counter(part for part, _ in splitter.pre_tokenize_str(STORY))
    split = {chunk: list(chunk) for chunk in chunks}
    pairs = []
    for _ in range(merges):
        counted = collections.Counter()
        for chunk, parts in split.items():
            for pair in zip(parts, parts[1:]):
                counted[pair] += chunks[chunk]
        best = min(counted, key=lambda pair: (-counted[pair], pair))
        pairs.append(best)
        for parts in split.values():
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at:at + 2] = ["".join(best)]
                at += 1
    pieces = special + sorted(pre_tokenizers.ByteLevel.alphabet()) + ["".join(pair) for pair in pairs]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    built = tokenizers.Tokenizer(models.BPE(vocabulary, pairs))
    built.pre_tokenizer = splitter
    built.decoder = decoders.ByteLevel()
    return framed(built, special, vocabulary, first, last)


def unigram(special, first, last):
    """As XLM-RoBERTa's: pieces with log-probabilities (Kudo, 2018)."""
    known = words()
    pieces = [(piece, 0.0) for piece in special]
    pieces += [("▁" + word, -4.0 - 0.05 * i) for i, word in enumerate(known)]
    pieces += [("▁", -5.0)] + [(c, -7.0 - 0.01 * i) for i, c in enumerate("abcdefghijklmnopqrstuvwxyz0123456789,.;?%éüß日")]
    pieces += [(c.upper(), -9.0) for c in "abcdefghijklmnopqrstuvwxyz"]
    built = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=special.index("<unk>")))
    built.normalizer = normalizers.NFKC()
    built.pre_tokenizer = pre_tokenizers.Metaspace()
    return framed(built, special, {piece: i for i, (piece, _) in enumerate(pieces)}, first, last)


def framed(built, special, vocabulary, first, last):
    built.add_special_tokens(special)
    opening = f"{first} " if first else ""
    built.post_processor = processors.TemplateProcessing(
        single=f"{opening}$A {last}", pair=f"{opening}$A {last} $B:1 {last}:1",
        special_tokens=[(token, vocabulary[token]) for token in (first, last) if token])
    return built


BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MODERN_SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


# Families: names and shapes of the tensors as published, and where transformers keeps them.


def dense(name, inputs, outputs, bias=True):
    own = [(f"{name}.weight", [outputs, inputs], 0.0, 2.2 / inputs**0.5)]
    return own + [(f"{name}.bias", [outputs], 0.0, 0.4)] * bias


def norm(name, size, bias=True):
    return [(f"{name}.weight", [size], 1.0, 0.3)] + [(f"{name}.bias", [size], 0.0, 0.3)] * bias


def table(name, rows, size, scale):
    return [(f"{name}.weight", [rows, size], 0.0, scale)]


def bert_tensors(c, prefix=""):
    size, wide = c["hidden_size"], c["intermediate_size"]
    out = table(f"{prefix}embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += table(f"{prefix}embeddings.position_embeddings", c["max_position_embeddings"], size, 0.6)
    out += table(f"{prefix}embeddings.token_type_embeddings", c["type_vocab_size"], size, 0.6)
    out += norm(f"{prefix}embeddings.LayerNorm", size)
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}encoder.layer.{i}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            out += dense(f"{at}.attention.{part}", size, size)
        out += norm(f"{at}.attention.output.LayerNorm", size)
        out += dense(f"{at}.intermediate.dense", size, wide) + dense(f"{at}.output.dense", wide, size)
        out += norm(f"{at}.output.LayerNorm", size)
    return out


def mpnet_tensors(c):
    size, wide = c["hidden_size"], c["intermediate_size"]
    out = table("embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += table("embeddings.position_embeddings", c["max_position_embeddings"], size, 0.6)
    out += norm("embeddings.LayerNorm", size)
    out += table("encoder.relative_attention_bias", 32, c["num_attention_heads"], 2.0)
    for i in range(c["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        for part in "qkvo":
            out += dense(f"{at}.attention.attn.{part}", size, size)
        out += norm(f"{at}.attention.LayerNorm", size)
        out += dense(f"{at}.intermediate.dense", size, wide) + dense(f"{at}.output.dense", wide, size)
        out += norm(f"{at}.output.LayerNorm", size)
    return out


def distilbert_tensors(c):
    size, wide = c["dim"], c["hidden_dim"]
    out = table("distilbert.embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += table("distilbert.embeddings.position_embeddings", c["max_position_embeddings"], size, 0.6)
    out += norm("distilbert.embeddings.LayerNorm", size)
    for i in range(c["n_layers"]):
        at = f"distilbert.transformer.layer.{i}"
        for part in "qkv":
            out += dense(f"{at}.attention.{part}_lin", size, size)
        out += dense(f"{at}.attention.out_lin", size, size) + norm(f"{at}.sa_layer_norm", size)
        out += dense(f"{at}.ffn.lin1", size, wide) + dense(f"{at}.ffn.lin2", wide, size)
        out += norm(f"{at}.output_layer_norm", size)
    return out


def modernbert_tensors(c, prefix):
    size, wide, biased = c["hidden_size"], c["intermediate_size"], c["norm_bias"]
    out = table(f"{prefix}embeddings.tok_embeddings", c["vocab_size"], size, 1.5)
    out += norm(f"{prefix}embeddings.norm", size, biased)
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}layers.{i}"
        if i > 0:
            out += norm(f"{at}.attn_norm", size, biased)
        out += dense(f"{at}.attn.Wqkv", size, 3 * size, c["attention_bias"])
        out += dense(f"{at}.attn.Wo", size, size, c["attention_bias"])
        out += norm(f"{at}.mlp_norm", size, biased)
        out += dense(f"{at}.mlp.Wi", size, 2 * wide, c["mlp_bias"]) + dense(f"{at}.mlp.Wo", wide, size, c["mlp_bias"])
    return out + norm(f"{prefix}final_norm", size, biased)


def nomic_tensors(c):
    size, wide = c["n_embd"], c["n_inner"]
    out = table("embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += table("embeddings.token_type_embeddings", c["type_vocab_size"], size, 0.6)
    out += norm("emb_ln", size)
    for i in range(c["n_layer"]):
        at = f"encoder.layers.{i}"
        out += dense(f"{at}.attn.Wqkv", size, 3 * size, False) + dense(f"{at}.attn.out_proj", size, size, False)
        out += norm(f"{at}.norm1", size) + norm(f"{at}.norm2", size)
        out += dense(f"{at}.mlp.fc11", size, wide, False) + dense(f"{at}.mlp.fc12", size, wide, False)
        out += dense(f"{at}.mlp.fc2", wide, size, False)
    return out


def t5_tensors(c):
    size, inner, gated = c["d_model"], c["num_heads"] * c["d_kv"], c["feed_forward_proj"].startswith("gated")
    out = table("shared", c["vocab_size"], size, 1.5)
    out += table("encoder.block.0.layer.0.SelfAttention.relative_attention_bias", 32, c["num_heads"], 2.0)
    for i in range(c["num_layers"]):
        at = f"encoder.block.{i}.layer"
        # Scores are not scaled down, so the queries are.
        out += [(f"{at}.0.SelfAttention.q.weight", [inner, size], 0.0, 2.2 / size**0.5 / c["d_kv"]**0.5)]
        for part in "kv":
            out += dense(f"{at}.0.SelfAttention.{part}", size, inner, False)
        out += dense(f"{at}.0.SelfAttention.o", inner, size, False)
        out += norm(f"{at}.0.layer_norm", size, False) + norm(f"{at}.1.layer_norm", size, False)
        for part in ("wi_0", "wi_1") if gated else ("wi",):
            out += dense(f"{at}.1.DenseReluDense.{part}", size, c["d_ff"], False)
        out += dense(f"{at}.1.DenseReluDense.wo", c["d_ff"], size, False)
    return out + norm("encoder.final_layer_norm", size, False)


def decoder_tensors(c, biased, head_norms, prefix):
    """`biased`: queries, keys and values; what follows attention; the feed-forward part."""
    size, wide, head = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    inner, shared = c["num_attention_heads"] * head, c["num_key_value_heads"] * head
    out = table(f"{prefix}embed_tokens", c["vocab_size"], size, 1.5)
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}layers.{i}"
        out += norm(f"{at}.input_layernorm", size, False) + norm(f"{at}.post_attention_layernorm", size, False)
        for part, outputs in [("q", inner), ("k", shared), ("v", shared)]:
            out += dense(f"{at}.self_attn.{part}_proj", size, outputs, biased[0])
        out += dense(f"{at}.self_attn.o_proj", inner, size, biased[1])
        if head_norms:
            out += norm(f"{at}.self_attn.q_norm", head, False) + norm(f"{at}.self_attn.k_norm", head, False)
        out += dense(f"{at}.mlp.gate_proj", size, wide, biased[2]) + dense(f"{at}.mlp.up_proj", size, wide, biased[2])
        out += dense(f"{at}.mlp.down_proj", wide, size, biased[2])
    return out + norm(f"{prefix}norm", size, False)


def deberta_tensors(c, prefix):
    size, wide = c["hidden_size"], c["intermediate_size"]
    out = table(f"{prefix}embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += norm(f"{prefix}embeddings.LayerNorm", size)
    span = c["position_buckets"] if c["position_buckets"] > 0 else c["max_position_embeddings"]
    out += table(f"{prefix}encoder.rel_embeddings", 2 * span, size, 1.0)
    if c["norm_rel_ebd"] == "layer_norm":
        out += norm(f"{prefix}encoder.LayerNorm", size)
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}encoder.layer.{i}"
        for part in ("self.query_proj", "self.key_proj", "self.value_proj", "output.dense"):
            out += dense(f"{at}.attention.{part}", size, size)
        out += norm(f"{at}.attention.output.LayerNorm", size)
        out += dense(f"{at}.intermediate.dense", size, wide) + dense(f"{at}.output.dense", wide, size)
        out += norm(f"{at}.output.LayerNorm", size)
    return out


def jina_tensors(c):
    size, wide = c["hidden_size"], c["intermediate_size"]
    out = table("embeddings.word_embeddings", c["vocab_size"], size, 1.5)
    out += table("embeddings.token_type_embeddings", c["type_vocab_size"], size, 0.6)
    out += norm("embeddings.LayerNorm", size)
    for i in range(c["num_hidden_layers"]):
        at = f"encoder.layer.{i}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            out += dense(f"{at}.attention.{part}", size, size)
        out += norm(f"{at}.attention.output.LayerNorm", size)
        out += dense(f"{at}.mlp.gated_layers", size, 2 * wide, False) + dense(f"{at}.mlp.wo", wide, size)
        out += norm(f"{at}.mlp.layernorm", size)
    return out


class JinaBert:
    """Günther and others (2023): BERT with gated feed-forward parts (Shazeer, 2020), activated half first, and ALiBi (Press
    and others, 2022) to both sides. One text at a time, head by head."""

    def __init__(self, config, state):
        self.config, self.state = config, state

    def linear(self, name, rows):
        return rows @ self.state[f"{name}.weight"].T + self.state.get(f"{name}.bias", 0.0)

    def norm(self, name, rows):
        centred = rows - rows.mean(1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(1, keepdim=True) + self.config["layer_norm_eps"]).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def slope(self, head):
        heads = self.config["num_attention_heads"]
        below = 2 ** (heads.bit_length() - 1)
        return 2 ** (-8 * (head + 1) / below) if head < below else 2 ** (-4 * (2 * (head - below) + 1) / below)

    def __call__(self, input_ids, attention_mask):
        state, heads = self.state, self.config["num_attention_heads"]
        rows = state["embeddings.word_embeddings.weight"][input_ids[0]] + state["embeddings.token_type_embeddings.weight"][0]
        rows = self.norm("embeddings.LayerNorm", rows)
        places = torch.arange(len(rows), dtype=torch.float64)
        distances = (places[:, None] - places[None]).abs()
        for i in range(self.config["num_hidden_layers"]):
            at = f"encoder.layer.{i}"
            parts = [self.linear(f"{at}.attention.self.{name}", rows).chunk(heads, 1) for name in ("query", "key", "value")]
            seen = []
            for head, (q, k, v) in enumerate(zip(*parts)):
                scores = q @ k.T / q.shape[1]**0.5 - self.slope(head) * distances
                seen.append(torch.softmax(scores, 1) @ v)
            rows = self.norm(f"{at}.attention.output.LayerNorm", rows + self.linear(f"{at}.attention.output.dense", torch.cat(seen, 1)))
            gate, value = self.linear(f"{at}.mlp.gated_layers", rows).chunk(2, 1)
            activated = {"geglu": torch.nn.functional.gelu, "reglu": torch.relu}[self.config["feed_forward_type"]](gate)
            rows = self.norm(f"{at}.mlp.layernorm", rows + self.linear(f"{at}.mlp.wo", activated * value))
        return types.SimpleNamespace(last_hidden_state=rows[None])


def nomic_native(c):
    """The published settings in the words of transformers' own class."""
    return {"vocab_size": c["vocab_size"], "hidden_size": c["n_embd"], "num_attention_heads": c["n_head"],
            "num_hidden_layers": c["n_layer"], "intermediate_size": c["n_inner"], "max_position_embeddings": c["n_positions"],
            "type_vocab_size": c["type_vocab_size"], "layer_norm_eps": c["layer_norm_epsilon"],
            "hidden_act": {"swiglu": "silu", "geglu": "gelu"}[c["activation_function"]],
            "rope_parameters": {"rope_type": "default", "rope_theta": float(c["rotary_emb_base"])}}


def nomic_state(state):
    names = {"emb_ln": "embeddings.LayerNorm", "encoder.layers": "layers", "attn.out_proj": "self_attn.o_proj", "fc11": "up_proj",
             "fc12": "gate_proj", "fc2": "down_proj", "norm1": "post_attention_layernorm", "norm2": "post_mlp_layernorm"}
    out = {}
    for name, values in state.items():
        for old, new in names.items():
            name = name.replace(old, new)
        if "attn.Wqkv" in name:
            for part, third in zip("qkv", values.chunk(3)):
                out[name.replace("attn.Wqkv", f"self_attn.{part}_proj")] = third
        else:
            out[name] = values
    return out


def bert_config(kind, act, size, heads, wide, layers, positions=96, types=2, **more):
    return {"model_type": kind, "hidden_act": act, "hidden_size": size, "num_attention_heads": heads,
            "intermediate_size": wide, "num_hidden_layers": layers, "max_position_embeddings": positions,
            "type_vocab_size": types, "layer_norm_eps": 1e-12, "position_embedding_type": "absolute", **more}


def catalogue():
    """(name, transformers class, config, tokenizer, tensors, longest text)"""
    bert = wordpiece(BERT_SPECIAL)
    for name, act, size, heads, wide in [("bert", "gelu", 64, 4, 160), ("bert_gelu_new", "gelu_new", 48, 2, 100),
                                         ("bert_relu", "relu", 40, 5, 64), ("bert_silu", "silu", 32, 1, 96)]:
        c = bert_config("bert", act, size, heads, wide, 2)
        yield name, transformers.BertModel, c, bert, bert_tensors, 96
    c = bert_config("roberta", "gelu", 72, 3, 200, 2, positions=82, types=1, layer_norm_eps=1e-5, pad_token_id=1)
    yield "roberta", transformers.RobertaModel, c, byte_pairs(ROBERTA_SPECIAL, "<s>", "</s>"), \
        lambda c: bert_tensors(c, "roberta."), 80
    c = bert_config("xlm-roberta", "gelu", 64, 2, 144, 3, positions=130, types=1, layer_norm_eps=1e-5, pad_token_id=1)
    multilingual = unigram(["<s>", "<pad>", "</s>", "<unk>"], "<s>", "</s>")
    yield "xlm_roberta", transformers.XLMRobertaModel, c, multilingual, bert_tensors, 128
    c = bert_config("camembert", "gelu", 48, 3, 96, 2, positions=66, types=1, layer_norm_eps=1e-5, pad_token_id=1)
    yield "camembert", transformers.CamembertModel, c, unigram(["<s>", "<pad>", "<unk>", "</s>"], "<s>", "</s>"), \
        lambda c: bert_tensors(c, "roberta."), 64
    c = {"model_type": "mpnet", "hidden_act": "gelu", "hidden_size": 80, "num_attention_heads": 5, "intermediate_size": 192,
         "num_hidden_layers": 2, "max_position_embeddings": 302, "layer_norm_eps": 1e-5, "pad_token_id": 1,
         "relative_attention_num_buckets": 32}
    yield "mpnet", transformers.MPNetModel, c, wordpiece(["<s>", "<pad>", "</s>", "[UNK]"]), mpnet_tensors, 300
    c = {"model_type": "distilbert", "activation": "gelu", "dim": 96, "hidden_dim": 200, "n_heads": 4, "n_layers": 3,
         "max_position_embeddings": 96, "sinusoidal_pos_embds": False, "pad_token_id": 0, "tie_weights_": True}
    yield "distilbert", transformers.DistilBertModel, c, bert, distilbert_tensors, 96
    modern = byte_pairs(MODERN_SPECIAL, "[CLS]", "[SEP]")
    c = {"model_type": "modernbert", "hidden_activation": "gelu", "hidden_size": 96, "num_attention_heads": 3,
         "intermediate_size": 112, "num_hidden_layers": 5, "max_position_embeddings": 512, "norm_eps": 1e-5, "norm_bias": False,
         "attention_bias": False, "mlp_bias": False, "local_attention": 16, "global_attn_every_n_layers": 3,
         "global_rope_theta": 160000.0, "local_rope_theta": 10000.0, "position_embedding_type": "absolute",
         "layer_norm_eps": 1e-5, "pad_token_id": 3}
    yield "modernbert", transformers.ModernBertModel, c, modern, lambda c: modernbert_tensors(c, ""), 512
    c = {"model_type": "modernbert", "hidden_activation": "gelu", "hidden_size": 72, "num_attention_heads": 3,
         "intermediate_size": 100, "num_hidden_layers": 3, "max_position_embeddings": 256, "norm_eps": 1e-6, "norm_bias": True,
         "attention_bias": True, "mlp_bias": True, "local_attention": 41, "pad_token_id": 3,
         "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
         "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 80000.0},
                             "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}}
    yield "modernbert_layers", transformers.ModernBertModel, c, modern, lambda c: modernbert_tensors(c, "model."), 256
    for name, act, size, heads, wide in [("nomic", "swiglu", 64, 4, 176), ("nomic_geglu", "geglu", 48, 2, 80)]:
        c = {"model_type": "nomic_bert", "activation_function": act, "n_embd": size, "n_head": heads, "n_inner": wide,
             "n_layer": 3, "n_positions": 256, "type_vocab_size": 2, "layer_norm_epsilon": 1e-12, "prenorm": False,
             "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False, "qkv_proj_bias": False,
             "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "mlp_fc1_bias": False, "mlp_fc2_bias": False,
             "use_rms_norm": False, "causal": False, "parallel_block": False}
        yield name, transformers.NomicBertModel, c, bert, nomic_tensors, 256


def others():
    """As `catalogue`, of what candle runs and the engine does not."""
    pieces = unigram(["<pad>", "</s>", "<unk>"], None, "</s>")
    for name, proj, kind in [("t5", "relu", "t5"), ("t5_gated", "gated-gelu", "mt5")]:
        c = {"model_type": kind, "d_model": 64, "d_kv": 24, "d_ff": 144, "num_heads": 3, "num_layers": 2, "n_positions": 256,
             "relative_attention_num_buckets": 32, "layer_norm_epsilon": 1e-6, "feed_forward_proj": proj, "pad_token_id": 0,
             "eos_token_id": 1, "is_encoder_decoder": True}
        yield name, transformers.T5EncoderModel if kind == "t5" else transformers.MT5EncoderModel, c, pieces, t5_tensors, 256
    bytes_ = byte_pairs(["<|endoftext|>"], None, "<|endoftext|>")
    shared = {"hidden_act": "silu", "hidden_size": 64, "intermediate_size": 136, "num_hidden_layers": 2, "rms_norm_eps": 1e-6,
              "max_position_embeddings": 256, "tie_word_embeddings": True}
    c = {"model_type": "qwen2", "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rope_theta": 1000000.0,
         "use_sliding_window": False, "sliding_window": 64, **shared}
    yield "qwen2", transformers.Qwen2Model, c, bytes_, lambda c: decoder_tensors(c, (True, False, False), False, "model."), 256
    c = {"model_type": "qwen3", "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 24, "rope_theta": 5000.0,
         "attention_bias": False, "use_sliding_window": False, "sliding_window": None, **shared}
    yield "qwen3", transformers.Qwen3Model, c, bytes_, lambda c: decoder_tensors(c, (False, False, False), True, ""), 256
    c = {"model_type": "llama", "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 32, "attention_bias": True,
         "mlp_bias": True, "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0}, **shared}
    yield "llama", transformers.LlamaModel, c, bytes_, lambda c: decoder_tensors(c, (True, True, True), False, "model."), 256
    c = {"model_type": "mistral", "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 16, "rope_theta": 10000.0,
         "sliding_window": None, **shared}
    yield "mistral", transformers.MistralModel, c, bytes_, lambda c: decoder_tensors(c, (False, False, False), False, "model."), 256
    bert = wordpiece(BERT_SPECIAL)
    deberta = {"model_type": "deberta-v2", "hidden_act": "gelu", "hidden_size": 60, "num_attention_heads": 3,
               "intermediate_size": 128, "num_hidden_layers": 2, "max_position_embeddings": 256, "type_vocab_size": 0,
               "layer_norm_eps": 1e-7, "relative_attention": True, "position_biased_input": False, "share_att_key": True,
               "max_relative_positions": -1, "pad_token_id": 0, "pooler_hidden_size": 60, "pooler_hidden_act": "gelu"}
    c = {**deberta, "position_buckets": 16, "pos_att_type": "p2c|c2p", "norm_rel_ebd": "layer_norm"}
    yield "deberta", transformers.DebertaV2Model, c, bert, lambda c: deberta_tensors(c, "deberta."), 256
    c = {**deberta, "position_buckets": -1, "pos_att_type": ["c2p"], "norm_rel_ebd": "none", "max_position_embeddings": 128}
    yield "deberta_plain", transformers.DebertaV2Model, c, bert, lambda c: deberta_tensors(c, ""), 128
    for name, feed_forward, heads in [("jina", "geglu", 4), ("jina_reglu", "reglu", 3)]:
        c = bert_config("bert", "gelu", 48, heads, 112, 2, positions=512, position_embedding_type="alibi",
                        feed_forward_type=feed_forward, emb_pooler="mean")
        yield name, JinaBert, c, bert, jina_tensors, 512


def reference(kind, config, tensors):
    """The model in float64, with every weight in its place."""
    state = {name: torch.from_numpy(weights(*tensor)).double() for tensor in tensors for name in tensor[:1]}
    if kind is JinaBert:
        return JinaBert(config, state)
    if kind is transformers.NomicBertModel:
        config, state = nomic_native(config), nomic_state(state)
    settings = kind.config_class.from_dict(config)
    settings._attn_implementation = "eager"
    model = kind(settings).double().eval()
    heads = (f"{kind.base_model_prefix}.", "roberta.")
    state = {next((name[len(h):] for h in heads if name.startswith(h)), name): t for name, t in state.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    # The encoder of T5 has its table of words by two names.
    tied = ("pooler", "encoder.embed_tokens")
    assert not unexpected and all(name.startswith(tied) for name in missing), (missing, unexpected)
    return model


def short(values):
    return [float(f"{x:.7g}") for x in values]


def main():
    OUT.mkdir(exist_ok=True)
    for name, kind, config, tokenizer, tensors_of, longest in itertools.chain(catalogue(), others()):
        config["vocab_size"] = tokenizer.get_vocab_size()
        tensors = tensors_of(config)
        model = reference(kind, config, tensors)
        tokenizer.enable_truncation(longest)
        cases = []
        for i, text in enumerate(TEXTS):
            ids = tokenizer.encode(text).ids
            with torch.no_grad():
                hidden = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids))).last_hidden_state[0]
            case = {"text": text, "ids": ids, "mean": short(hidden.mean(0).tolist())}
            if i in (2, 7):
                case |= {"cls": short(hidden[0].tolist()), "lasttoken": short(hidden[-1].tolist()),
                         "max": short(hidden.max(0).values.tolist())}
            cases.append(case)
        tokenizer.no_truncation()
        by = "reference/models.py" if kind is JinaBert else f"transformers {transformers.__version__}"
        data = {"about": f"by {kind.__name__} of {by} in float64; see reference/models.py",
                "config": config, "longest": longest, "tensors": tensors, "cases": cases,
                "tokenizer": json.loads(tokenizer.to_str())}
        lines = ",\n".join(f'"{key}":{json.dumps(value, ensure_ascii=False, separators=(",", ":"))}' for key, value in data.items())
        path = OUT / f"{name}.json"
        path.write_text("{" + lines + "}\n", encoding="utf-8")
        sizes = [len(case["ids"]) for case in cases]
        print(f"{name}: {path.stat().st_size} bytes, tokens {sizes}")


if __name__ == "__main__":
    main()
