"""The vector indexes that `dense_peers.py` compares, each behind the same few methods.

An engine is made by `ENGINES[name]()`. Vectors are unit rows of float32, keys are row numbers.
Every graph has 32 links a vector at its base and a construction beam of 128; ours has its defaults.
What an engine does not have (removal, filters, a scan), its class does not define.
"""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

K = 10
LINKS = 16
BEAM = 128
GRAPH = (10, 14, 20, 28, 40, 64, 100, 160, 260, 400)
LEAVES = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)
SHARES = {1: 10, 10: 100, 50: 500}
DRAWS = 1000


def draws(count: int) -> np.ndarray:
    """A number below 1,000 for each row; a filter keeps the rows below a bound."""
    return np.random.default_rng(11).integers(0, DRAWS, count)


def size(path: str | Path) -> int:
    """Bytes that the files take; what is reserved and never written is not counted."""
    path = Path(path)
    parts = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    return sum(min(part.stat().st_size, 512 * part.stat().st_blocks) for part in parts)


class Engine:
    """What all share; `effort` is the pool of a graph, or the lists that are read."""

    efforts: ClassVar[tuple[int, ...]] = GRAPH
    # Whether it is in the tables of search.
    curve: ClassVar[bool] = True
    # The effort at which recall is followed through changes.
    usual: ClassVar[int] = 64
    filter_efforts: ClassVar[tuple[int, ...]] = (64, 200)

    @cached_property
    def folder(self) -> str:
        """A place for files; whoever runs the engine removes it."""
        return tempfile.mkdtemp(prefix="dense-peer-")

    def queries(self, rows: np.ndarray) -> list[Any]:
        """The queries as the engine's calls take them."""
        return [rows[i : i + 1] for i in range(len(rows))]

    def build(self, rows: np.ndarray, threads: int, room: int) -> None:
        raise NotImplementedError

    def prepare(self, effort: int) -> None:
        """Sets the effort of the searches that follow."""
        raise NotImplementedError

    def one(self, query: Any) -> Any:
        raise NotImplementedError

    def batch(self, rows: np.ndarray) -> Any:
        return self.one(rows)

    def keys(self, found: Any) -> Any:
        """The keys of what `one` or `batch` answered, row by row."""
        return found

    def settle(self) -> None:
        """What an engine wants done after changes."""


class Ours(Engine):
    # Zero stands for the default.
    efforts = (0, *GRAPH)
    usual = 0
    filter_efforts = (0, 100)

    def __init__(self, precision: str) -> None:
        self.precision = precision
        self.options: dict[str, Any] = {"threads": 1}

    def build(self, rows, threads, room):
        import ragcore

        self.index = ragcore.DenseIndex(rows.shape[1], precision=self.precision)
        self.index.add(np.arange(len(rows), dtype=np.uint64), rows)

    def prepare(self, effort):
        self.options = {"threads": 1, "effort": effort or None}

    def one(self, query):
        return self.index.search(query, K, **self.options)

    def keys(self, found):
        return found[0]

    def size(self):
        self.index.save(f"{self.folder}/index")
        return size(f"{self.folder}/index")

    def add(self, key, row):
        self.index.add(np.array([key], dtype=np.uint64), row)

    def remove(self, keys):
        self.index.remove(np.asarray(keys, dtype=np.uint64))

    def filter(self, share, count):
        self.options["filter"] = np.flatnonzero(draws(count) < share).astype(np.uint64)

    def exact(self):
        self.options = {"threads": 1, "exact": True}


class Faiss(Engine):
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.selector: Any = None

    def build(self, rows, threads, room):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        dim, product = rows.shape[1], faiss.METRIC_INNER_PRODUCT
        if self.kind == "f32":
            self.index = faiss.IndexHNSWFlat(dim, LINKS, product)
        else:
            bits = faiss.ScalarQuantizer.QT_8bit
            self.index = faiss.IndexHNSWSQ(dim, bits, LINKS, product)
        self.index.hnsw.efConstruction = BEAM
        self.index.train(rows)
        self.index.add(rows)
        faiss.omp_set_num_threads(1)

    def prepare(self, effort):
        self.index.hnsw.efSearch = max(effort, K)
        self.options = {}

    def one(self, query):
        return self.index.search(query, K, **self.options)

    def keys(self, found):
        return found[1]

    def size(self):
        self.faiss.write_index(self.index, f"{self.folder}/index")
        return size(f"{self.folder}/index")

    def add(self, key, row):
        self.index.add(row)

    def filter(self, share, count):
        allowed = draws(count) < share
        self.bits = np.packbits(allowed, bitorder="little")
        selector = self.faiss.IDSelectorBitmap(self.bits)
        pool = self.index.hnsw.efSearch
        self.options = {"params": self.faiss.SearchParametersHNSW(sel=selector, efSearch=pool)}
        self.selector = selector

    def exact(self):
        # The graph owns the storage.
        self.graph = getattr(self, "graph", self.index)
        self.index, self.options = self.graph.storage, {}


class FaissLists(Faiss):
    """Inverted lists of 4-bit product codes; the best are ranked again by their floats."""

    efforts = LEAVES
    filter = None
    exact = None

    def __init__(self) -> None:
        super().__init__("lists")

    def build(self, rows, threads, room):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(threads)
        product = faiss.METRIC_INNER_PRODUCT
        self.index = faiss.index_factory(rows.shape[1], "IVF256,PQ96x4fs,RFlat", product)
        self.index.train(rows)
        self.index.add(rows)
        self.lists = faiss.extract_index_ivf(self.index.base_index)
        faiss.omp_set_num_threads(1)

    def prepare(self, effort):
        self.lists.nprobe = effort
        self.index.k_factor = 10 if effort < 24 else 20 if effort < 64 else 40
        self.options = {}


class Hnswlib(Engine):
    def build(self, rows, threads, room):
        import hnswlib

        self.index = hnswlib.Index("ip", rows.shape[1])
        sizes = {"M": LINKS, "ef_construction": BEAM, "allow_replace_deleted": True}
        self.index.init_index(room, **sizes)
        self.index.add_items(rows, num_threads=threads)
        self.gone = 0

    def prepare(self, effort):
        self.index.set_ef(max(effort, K))

    def one(self, query):
        return self.index.knn_query(query, K, num_threads=1)

    def keys(self, found):
        return found[0]

    def size(self):
        self.index.save_index(f"{self.folder}/index")
        return size(f"{self.folder}/index")

    def add(self, key, row):
        again = self.gone > 0
        self.index.add_items(row, [key], num_threads=1, replace_deleted=again)
        self.gone -= again

    def remove(self, keys):
        for key in keys:
            self.index.mark_deleted(key)
        self.gone += len(keys)


class Usearch(Engine):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, rows, threads, room):
        from usearch.index import Index

        options = {"connectivity": LINKS, "expansion_add": BEAM, "dtype": self.kind}
        metric = "cos" if self.kind == "i8" else "ip"
        self.index = Index(ndim=rows.shape[1], metric=metric, **options)
        self.index.add(np.arange(len(rows), dtype=np.uint64), rows, threads=threads)
        self.options = {"threads": 1}

    def queries(self, rows):
        return list(rows)

    def prepare(self, effort):
        self.index.expansion_search = max(effort, K)
        self.options = {"threads": 1}

    def one(self, query):
        return self.index.search(query, K, **self.options)

    def keys(self, found):
        return found.keys if found.keys.ndim == 2 else found.keys[None]

    def size(self):
        self.index.save(f"{self.folder}/index")
        return size(f"{self.folder}/index")

    def add(self, key, row):
        self.index.add(key, row[0], threads=1)

    def remove(self, keys):
        self.index.remove(np.asarray(keys, dtype=np.uint64), threads=1)

    def exact(self):
        self.options = {"threads": 1, "exact": True}


class Svs(Engine):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, rows, threads, room):
        import svs

        self.svs = svs
        own = svs.VamanaBuildParameters(
            alpha=0.95,
            graph_max_degree=2 * LINKS,
            window_size=BEAM,
            max_candidate_pool_size=4 * 2 * LINKS,
            prune_to=2 * LINKS - 4,
        )
        product = svs.DistanceType.MIP
        if self.kind == "live":
            keys = np.arange(len(rows), dtype=np.uint64)
            self.index = svs.DynamicVamana.build(own, rows, keys, product, threads)
        else:
            data: Any = rows.astype(np.float16)
            if self.kind == "lvq":
                svs.write_vecs(rows, f"{self.folder}/rows.fvecs")
                floats = svs.VectorDataLoader(f"{self.folder}/rows.fvecs", svs.DataType.float32)
                data = svs.LVQLoader(floats, primary=4, residual=8, padding=32)
            self.index = svs.Vamana.build(own, data, product, num_threads=threads)
        self.index.num_threads = 1

    def prepare(self, effort):
        self.index.search_window_size = max(effort, K)

    def one(self, query):
        return self.index.search(query, K)

    def keys(self, found):
        return found[0]

    def size(self):
        parts = [f"{self.folder}/{part}" for part in ("config", "graph", "data")]
        self.index.save(*parts)
        return sum(map(size, parts))


class SvsLive(Svs):
    """SVS's index that takes changes; made from an array it keeps the floats, so that its searches
    are not those of the two above."""

    curve = False

    def __init__(self) -> None:
        super().__init__("live")

    def add(self, key, row):
        self.index.add(row, np.array([key], dtype=np.uint64))

    def remove(self, keys):
        self.index.delete(np.asarray(keys, dtype=np.uint64))

    def settle(self):
        self.index.consolidate()
        self.index.compact(1000)


class Scann(Engine):
    efforts = LEAVES

    def build(self, rows, threads, room):
        import scann

        build = scann.scann_ops_pybind.builder(rows, K, "dot_product")
        build = build.set_n_training_threads(threads)
        build = build.tree(256, 100, training_sample_size=len(rows))
        build = build.score_ah(2, anisotropic_quantization_threshold=0.2)
        self.index = build.reorder(100).build()

    def queries(self, rows):
        return list(rows)

    def prepare(self, effort):
        again = 100 if effort < 24 else 200 if effort < 64 else 400
        self.options = {"leaves_to_search": effort, "pre_reorder_num_neighbors": again}

    def one(self, query):
        return self.index.search(query, K, **self.options)

    def batch(self, rows):
        return self.index.search_batched(rows, K, **self.options)

    def keys(self, found):
        return found[0] if found[0].ndim == 2 else found[0][None]

    def size(self):
        self.index.serialize(self.folder)
        return size(self.folder)


class Qdrant(Engine):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def build(self, rows, threads, room):
        import qdrant_edge as q

        self.q = q
        codes: Any = q.ScalarQuantizationConfig(type=q.ScalarType.Int8, always_ram=True)
        if self.kind == "4-bit":
            bits = q.TurboQuantBitSize.Bits4
            codes = q.TurboQuantQuantizationConfig(bits=bits, always_ram=True)
        graph = q.HnswIndexConfig(LINKS, BEAM, 100, max_indexing_threads=threads)
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=rows.shape[1], distance=q.Distance.Dot),
            hnsw_config=graph,
            quantization_config=codes,
            # One segment: a search of several costs more.
            optimizers=q.EdgeOptimizersConfig(
                default_segment_number=1, indexing_threshold=100, max_segment_size=10_000_000
            ),
            max_search_threads=1,
            wal_enabled=False,
        )
        self.place = tempfile.mkdtemp(dir=self.folder)
        self.index = q.EdgeShard.create(self.place, config)
        field = q.UpdateOperation.create_field_index("draw", q.PayloadSchemaType.Integer)
        self.index.update(field)
        self.draws = draws(max(room, len(rows)))
        for at in range(0, len(rows), 1000):
            self._put(range(at, min(at + 1000, len(rows))), rows[at : at + 1000])
        self.index.optimize()

    def _put(self, keys, rows):
        point = self.q.Point
        points = [
            point(int(key), row.tolist(), {"draw": int(self.draws[key])})
            for key, row in zip(keys, rows, strict=True)
        ]
        self.index.update(self.q.UpdateOperation.upsert_points(points))

    def queries(self, rows):
        return [self.q.Query.Nearest(row.tolist()) for row in rows]

    def prepare(self, effort):
        codes = self.q.QuantizationSearchParams(rescore=True, oversampling=2.0)
        self.options = {"params": self.q.SearchParams(hnsw_ef=effort, quantization=codes)}

    def one(self, query):
        return self.index.query(self.q.QueryRequest(limit=K, query=query, **self.options))

    def batch(self, rows):
        request = self.q.QueryRequest
        asked = [request(limit=K, query=q, **self.options) for q in self.queries(rows)]
        return self.index.query_batch(self.q.QueryBatchRequest(asked))

    def keys(self, found):
        rows = found if found and isinstance(found[0], list) else [found]
        return [[point.id for point in row] for row in rows]

    def size(self):
        self.index.flush()
        return size(f"{self.place}/segments")

    def add(self, key, row):
        self._put([key], row)

    def remove(self, keys):
        self.index.update(self.q.UpdateOperation.delete_points([int(key) for key in keys]))

    def settle(self):
        self.index.optimize()

    def filter(self, share, count):
        bound = self.q.FieldCondition("draw", range=self.q.RangeFloat(lt=share))
        self.options["filter"] = self.q.Filter(must=[bound])

    def exact(self):
        self.options = {"params": self.q.SearchParams(exact=True)}


ENGINES: dict[str, Any] = {
    "ours": lambda: Ours("auto"),
    "ours_f32": lambda: Ours("f32"),
    "faiss_sq8": lambda: Faiss("sq8"),
    "faiss_f32": lambda: Faiss("f32"),
    "faiss_ivf_pq": FaissLists,
    "hnswlib": Hnswlib,
    "usearch_f16": lambda: Usearch("f16"),
    "usearch_bf16": lambda: Usearch("bf16"),
    "usearch_i8": lambda: Usearch("i8"),
    "svs_lvq4x8": lambda: Svs("lvq"),
    "svs_f16": lambda: Svs("f16"),
    "svs_live": SvsLive,
    "scann": Scann,
    "qdrant_4bit": lambda: Qdrant("4-bit"),
    "qdrant_int8": lambda: Qdrant("int8"),
}


def environment() -> dict[str, str]:
    """No threads but those that are asked for."""
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3"}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "MKL")}
    return {**os.environ, **quiet, **threads}
