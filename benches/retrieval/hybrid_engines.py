"""What `hybrid.py` compares: documents with a text, a vector and a number, searched by text and
vector together. Each engine is behind the same few methods.

`build` takes texts, unit rows of float32 and the numbers; `asked` brings a query into the form that
the engine's call takes, before the clock starts; `one` answers it; `ids` reads the answer. A filter
keeps the documents whose number is below a bound; what cannot filter has `filters` False.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

K = 10
# What each ranking brings to rank fusion.
DEPTH = 50
RRF = 60
LINKS, BEAM, EFFORT = 16, 128, 64
WORD = re.compile(r"[a-z0-9]{2,}")


class Engine:
    filters: bool = False
    # Whether a call takes all queries.
    many: bool = False

    @cached_property
    def folder(self) -> str:
        self._kept = tempfile.TemporaryDirectory(prefix="hybrid-peer-")
        return self._kept.name

    def build(self, texts: list[str], rows: np.ndarray, numbers: np.ndarray) -> None:
        raise NotImplementedError

    def asked(self, text: str, row: np.ndarray, below: int | None) -> Any:
        return text, row

    def one(self, query: Any) -> Any:
        raise NotImplementedError

    def ids(self, found: Any) -> list[int]:
        return found


class Ours(Engine):
    def __init__(self, built: Ours | None = None, many: bool = False, **options: Any) -> None:
        self._built, self.many, self.options = built, many, options
        self.filters = built is None

    def build(self, texts, rows, numbers):
        if self._built is not None:
            self.collection = self._built.collection
            return
        import ragcore

        self.collection = ragcore.open(None, dim=rows.shape[1])
        metadata = [{"number": int(number)} for number in numbers]
        self.collection.add(
            list(map(str, range(len(texts)))), texts, vectors=rows, metadata=metadata
        )

    def asked(self, text, row, below):
        options = dict(self.options)
        if below is not None:
            options["filter"] = {"number": {"$lt": below}}
        return text, row, options

    def one(self, query):
        text, row, options = query
        return self.collection.search(text, K, vector=row, **options).ids

    def all(self, queries):
        texts, rows, options = zip(*queries, strict=True)
        found = self.collection.search_many(texts, K, vectors=np.array(rows), **options[0])
        return [hits.ids for hits in found]

    def ids(self, found):
        return list(map(int, found))


class ByHand(Engine):
    """usearch in f16, bm25s with numba, a stemmer, and rank fusion in a dictionary."""

    def build(self, texts, rows, numbers):
        import bm25s
        import Stemmer
        from bm25s.stopwords import STOPWORDS_EN
        from usearch.index import Index

        self.stem = Stemmer.Stemmer("english").stemWords
        self.stops = frozenset(STOPWORDS_EN)
        terms: dict[str, int] = {}
        listed = [[terms.setdefault(w, len(terms)) for w in self.words(text)] for text in texts]
        self.terms = terms
        self.lexical = bm25s.BM25(method="lucene", k1=1.2, b=0.75, backend="numba", dtype="float32")
        self.lexical.index((listed, terms), show_progress=False)
        options = {"connectivity": LINKS, "expansion_add": BEAM, "expansion_search": EFFORT}
        self.dense = Index(ndim=rows.shape[1], metric="ip", dtype="f16", **options)
        self.dense.add(np.arange(len(rows), dtype=np.uint64), rows, threads=1)

    def words(self, text):
        return self.stem([w for w in WORD.findall(text.lower()) if w not in self.stops])

    def one(self, query):
        text, row = query
        fused: dict[int, float] = {}
        near = self.dense.search(row, DEPTH, threads=1).keys.tolist()
        for rank, key in enumerate(near, RRF + 1):
            fused[key] = 1 / rank
        if words := [w for w in self.words(text) if w in self.terms]:
            rows, scores = self.lexical.retrieve(
                [words], k=DEPTH, show_progress=False, n_threads=0, sorted=True
            )
            rows = rows[0][: np.count_nonzero(scores[0])].tolist()
            for rank, key in enumerate(rows, RRF + 1):
                fused[key] = fused.get(key, 0.0) + 1 / rank
        return sorted(fused, key=fused.__getitem__, reverse=True)[:K]


class Qdrant(Engine):
    """Qdrant Edge: 4-bit codes ranked again; BM25 as sparse vectors or by its index of texts."""

    filters = True

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def build(self, texts, rows, numbers):
        import qdrant_edge as q

        self.q = q
        bits = q.TurboQuantBitSize.Bits4
        config = q.EdgeConfig(
            vectors={"dense": q.EdgeVectorParams(size=rows.shape[1], distance=q.Distance.Dot)},
            sparse_vectors={"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)}
            if self.sparse
            else None,
            hnsw_config=q.HnswIndexConfig(LINKS, BEAM, 100, max_indexing_threads=1),
            quantization_config=q.TurboQuantQuantizationConfig(bits=bits, always_ram=True),
            optimizers=q.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=100, max_segment_size=10_000_000
            ),
            max_search_threads=1,
            wal_enabled=False,
        )
        self.shard = q.EdgeShard.create(self.folder, config)
        operation = q.UpdateOperation
        self.shard.update(operation.create_field_index("number", q.PayloadSchemaType.Integer))
        if self.sparse:
            mean = float(np.mean([len(WORD.findall(text.lower())) for text in texts]))
            model = q.Bm25(q.Bm25Config(avg_len=mean))
            self.embed = model.embed_query
            vectors = [
                {"dense": row.tolist(), "words": model.embed_document(text)}
                for text, row in zip(texts, rows, strict=True)
            ]
        else:
            english = q.SnowballLanguage.English
            words = q.TextIndexParams(
                tokenizer=q.TokenizerType.Word,
                lowercase=True,
                stopwords=q.Language.English,
                stemmer=q.SnowballParams(english),
                scoring=True,
            )
            self.shard.update(operation.create_field_index("text", words))
            vectors = [{"dense": row.tolist()} for row in rows]
        for at in range(0, len(texts), 1000):
            points = []
            for key in range(at, min(at + 1000, len(texts))):
                payload: dict[str, Any] = {"number": int(numbers[key])}
                if not self.sparse:
                    payload["text"] = texts[key]
                points.append(q.Point(key, vectors[key], payload))
            self.shard.update(operation.upsert_points(points))
        self.shard.optimize()
        codes = q.QuantizationSearchParams(rescore=True, oversampling=2.0)
        self.params = q.SearchParams(hnsw_ef=EFFORT, quantization=codes)

    def asked(self, text, row, below):
        keep = None
        if below is not None:
            bound = self.q.FieldCondition("number", range=self.q.RangeFloat(lt=below))
            keep = self.q.Filter(must=[bound])
        return text, row.tolist(), keep

    def one(self, query):
        q, (text, row, keep) = self.q, query
        lexical = (
            q.Query.Nearest(self.embed(text), using="words")
            if self.sparse
            else q.TextQuery("text", text)
        )
        near = q.Query.Nearest(row, using="dense")
        stages = [
            q.Prefetch(DEPTH, near, params=self.params, filter=keep),
            q.Prefetch(DEPTH, lexical, filter=keep),
        ]
        return self.shard.query(
            q.QueryRequest(limit=K, query=q.Fusion.Rrf(k=RRF), prefetches=stages)
        )

    def ids(self, found):
        return [point.id for point in found]


class Zvec(Engine):
    def build(self, texts, rows, numbers):
        import zvec

        # Settings are for the process: a second index finds them made.
        with contextlib.suppress(RuntimeError):
            zvec.init(query_threads=1, optimize_threads=1, log_level=zvec.LogLevel.ERROR)
        self.zvec = zvec
        english = zvec.FtsIndexParam(filters=["lowercase", "stemmer"])
        graph = zvec.HnswIndexParam(zvec.MetricType.IP, LINKS, BEAM)
        schema = zvec.CollectionSchema(
            "documents",
            zvec.FieldSchema("text", zvec.DataType.STRING, index_param=english),
            zvec.VectorSchema("dense", zvec.DataType.VECTOR_FP32, rows.shape[1], graph),
        )
        self.index = zvec.create_and_open(f"{self.folder}/index", schema)
        for at in range(0, len(texts), 500):
            part = range(at, min(at + 500, len(texts)))
            self.index.insert(
                [
                    zvec.Doc(str(i), vectors={"dense": rows[i].tolist()}, fields={"text": texts[i]})
                    for i in part
                ]
            )
        self.index.optimize()
        self.rank = zvec.RrfReRanker(RRF)
        self.params = zvec.HnswQueryParam(ef=EFFORT)

    def asked(self, text, row, below):
        return text, row.tolist()

    def one(self, query):
        zvec, (text, row) = self.zvec, query
        queries = [
            zvec.Query("dense", vector=row, param=self.params),
            zvec.Query("text", fts=zvec.Fts(match_string=text)),
        ]
        return self.index.query(queries, topk=K, output_fields=[], reranker=self.rank)

    def ids(self, found):
        return [int(doc.id) for doc in found]


class Lance(Engine):
    def build(self, texts, rows, numbers):
        import lancedb
        import pyarrow as pa
        from lancedb.index import FTS, HnswSq
        from lancedb.rerankers import RRFReranker

        width = rows.shape[1]
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), width)
        columns = {
            "id": pa.array(np.arange(len(texts))),
            "text": pa.array(texts),
            "vector": vectors,
        }
        self.table = lancedb.connect(self.folder).create_table("documents", pa.table(columns))
        self.table.create_index(
            "vector", config=HnswSq(distance_type="dot", num_partitions=1, m=LINKS)
        )
        self.table.create_index("text", config=FTS())
        self.rank = RRFReranker(RRF)

    def one(self, query):
        text, row = query
        search = self.table.search(query_type="hybrid").vector(row).text(text)
        return search.rerank(self.rank).limit(K).select(["id"]).to_arrow()

    def ids(self, found):
        return found["id"].to_pylist()


def engines() -> dict[str, Callable[[], Engine]]:
    """Every engine by its name; ours share one collection."""
    own = Ours()
    return {
        "ragcore": lambda: own,
        "ragcore, search_many": lambda: Ours(own, many=True),
        "ragcore, rank fusion": lambda: Ours(own, fusion="rrf"),
        "ragcore, exact": lambda: Ours(own, exact=True),
        "usearch + bm25s by hand": ByHand,
        "Qdrant Edge, sparse": lambda: Qdrant(sparse=True),
        "Qdrant Edge, text index": lambda: Qdrant(sparse=False),
        "zvec": Zvec,
        "LanceDB": Lance,
    }
