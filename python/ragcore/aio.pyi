"""Written by python/tests/aio_stub.py: the plain signatures as coroutines.

Calling a class answers something to await, which is typed as the object itself.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, overload

import numpy as np

import ragcore as _plain
from ragcore import (
    Added,
    Answer,
    AnswerComparison,
    AnswerStream,
    Calibration,
    Choice,
    Chunk,
    Comparison,
    CurvePoint,
    Decision,
    Detection,
    Document,
    Estimate,
    Evaluation,
    Evidence,
    Filtered,
    Front,
    Groundedness,
    Hits,
    Interleaved,
    Measure,
    Passage,
    Prompt,
    Readability,
    Report,
    RetrainReport,
    RouteHealth,
    ShardRequest,
    ShardResponse,
    ShardStatistics,
    Taste,
    TasteAt,
    ValueEstimate,
    WhatIf,
)

from ._arrays import Keys, Points, Vectors
from ._bandit import Arms, Policy
from ._progress import Progress
from ._steering import Dials

class AttributeModel:
    @classmethod
    async def learn(
        cls,
        positive: object,
        negative: object,
        *,
        vectors: tuple[object, object] | None = None,
        embedder: Embedder | _plain.Embedder | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> _plain.AttributeModel: ...

class Bandit:
    def __init__(
        self,
        arms: Arms,
        *,
        priors: Mapping[str, Any] | None = None,
        policy: str = "thompson",
        discount: float = 1.0,
        adapt: bool = True,
        seed: int | None = None,
        exploration: float | None = None,
        safety: float | None = None,
        noise: float | None = None,
        propensity_draws: int = 256,
        log_size: int = 10000,
    ) -> None: ...
    async def set_prior(self, domain: str, value: Any) -> None: ...
    async def choose(
        self, domain: str = "general", *, context: Sequence[float] | None = None
    ) -> Choice: ...
    async def choose_many(
        self, queries: Iterable[str | tuple[str, Sequence[float] | None]]
    ) -> list[Choice]: ...
    async def reward(self, choice_or_id: Choice | int, reward: float) -> None: ...
    async def reward_many(self, rewards: Iterable[tuple[Choice | int, float]]) -> None: ...
    async def reward_all(self, choice_or_id: Choice | int, rewards: Sequence[float]) -> None: ...
    async def propensity(self, choice_or_id: Choice | int) -> float: ...
    async def best(self, domain: str, *, context: Sequence[float] | None = None) -> Any: ...
    @property
    def values(self) -> list[Any]: ...
    @property
    def domains(self) -> list[str]: ...
    async def estimates(
        self, domain: str, *, context: Sequence[float] | None = None
    ) -> list[Estimate]: ...
    @property
    def log(self) -> list[dict[str, Any]]: ...
    @property
    def outstanding(self) -> int: ...
    async def evaluate(
        self,
        policy: Policy | (Bandit | _plain.Bandit),
        log: Iterable[Mapping[str, Any]] | None = None,
        *,
        method: str = "switch-dr",
    ) -> ValueEstimate: ...
    async def what_if(
        self,
        policy: Policy | (Bandit | _plain.Bandit),
        log: Iterable[Mapping[str, Any]] | None = None,
        *,
        method: str = "switch-dr",
    ) -> list[WhatIf]: ...
    async def merge(self, other: Bandit | _plain.Bandit) -> None: ...
    async def reseed(self, seed: int) -> None: ...
    async def copy(self) -> Bandit: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Bandit: ...
    def __await__(self) -> Generator[Any, None, Bandit]: ...

class Cache:
    def __init__(
        self,
        *,
        embeddings_s: float = 3600.0,
        evidence_s: float = 1800.0,
        answers_s: float = 900.0,
        texts_s: float = 3600.0,
        embeddings_bytes: int = 67108864,
        evidence_bytes: int = 67108864,
        answers_bytes: int = 67108864,
        texts_bytes: int = 134217728,
        entries: int = 1000000,
        wait_s: float = 60.0,
        near_duplicates: float | None = None,
        near_entries: int = 1000,
        near_bytes: int = 67108864,
        shadow_rate: float = 0.05,
        false_hit_budget: float = 0.005,
        redis: str | None = None,
        remote_prefix: str = "ragcore",
        remote_copy_s: float = 60.0,
        remote_entry_bytes: int = 8388608,
        remote_timeout_ms: int = 100,
        remote_pause_s: float = 16.0,
    ) -> None: ...
    async def stats(self) -> dict[str, Any]: ...
    async def clear(self) -> None: ...
    async def clear_tenant(self, tenant: str | None) -> None: ...
    def __await__(self) -> Generator[Any, None, Cache]: ...

class ChatModel:
    def __init__(
        self,
        endpoints: str | Sequence[str],
        model: str,
        api_key: str | None = None,
        *,
        attempts: int = 3,
        connect_timeout_s: float = 2.0,
        first_byte_timeout_s: float = 60.0,
        gap_timeout_s: float = 30.0,
        timeout_s: float = 300.0,
        backoff_s: float = 0.25,
        backoff_max_s: float = 8.0,
        retry_after_max_s: float = 60.0,
        pause_s: float = 0.5,
        pause_max_s: float = 30.0,
        health_interval_s: float | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst_s: float = 10.0,
        window: int | None = None,
        price_in: float = 0.0,
        price_out: float = 0.0,
        stream: bool = True,
        include_usage: bool = True,
        temperature: float | None = None,
        max_tokens: int | None = None,
        max_line_bytes: int = 1048576,
        max_response_bytes: int = 16777216,
        ca_file: str | None = None,
    ) -> None: ...
    @property
    def model(self) -> str: ...
    async def health(self) -> dict[str, Any]: ...
    def __await__(self) -> Generator[Any, None, ChatModel]: ...

class Chunker:
    def __init__(
        self,
        embedder: Embedder | _plain.Embedder | None = None,
        *,
        max_tokens: int = 256,
        overlap: int = 0,
        mode: str = "sentence",
        counter: Callable[[str], int] | None = None,
    ) -> None: ...
    async def split(self, text: str) -> list[Chunk]: ...
    def __await__(self) -> Generator[Any, None, Chunker]: ...

class Collection:
    def __init__(self) -> None: ...
    async def add(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> None: ...
    async def upsert(
        self,
        ids: object,
        texts: object = None,
        *,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> None: ...
    async def replace(
        self,
        ids: object,
        texts: object = None,
        *,
        removed: object = None,
        filter: Mapping[str, Any] | None = None,
        vectors: object = None,
        metadata: object = None,
        progress: Progress = False,
    ) -> int: ...
    async def reembed(
        self,
        embedder: Embedder | _plain.Embedder,
        *,
        forget_learnt: bool = False,
        progress: Progress = False,
    ) -> int: ...
    async def delete(
        self, ids: object = None, *, filter: Mapping[str, Any] | None = None
    ) -> int: ...
    async def get(self, ids: object) -> list[Document | None]: ...
    async def ids(self) -> list[str]: ...
    async def count(self, filter: Mapping[str, Any] | None = None) -> int: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: object) -> bool: ...
    async def search(
        self,
        query: object,
        k: int = 10,
        *,
        vector: object = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        steer: Dials | None = None,
        user: str | None = None,
        max_loss: float | None = None,
        application: str = "additive",
        diversity: float = 0.0,
        exact: bool = False,
        effort: int | None = None,
        explain: bool = False,
        min_relevance: float | None = None,
        steer_mode: str = "vector",
        tune: Bandit | _plain.Bandit | str | None = None,
        domain: str | (DomainDetector | _plain.DomainDetector) | None = None,
    ) -> Hits: ...
    async def search_many(
        self,
        queries: object,
        k: int = 10,
        *,
        vectors: object = None,
        filter: Mapping[str, Any] | None = None,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        steer: Dials | None = None,
        user: str | None = None,
        max_loss: float | None = None,
        application: str = "additive",
        diversity: float = 0.0,
        exact: bool = False,
        effort: int | None = None,
        explain: bool = False,
        min_relevance: float | None = None,
        steer_mode: str = "vector",
        tune: Bandit | _plain.Bandit | str | None = None,
        domain: str | (DomainDetector | _plain.DomainDetector) | None = None,
    ) -> list[Hits]: ...
    async def reward(
        self, hits: Hits, reward: float | None = None, *, relevant: object = None
    ) -> float: ...
    async def calibrate(
        self,
        queries: object,
        qrels: object,
        *,
        method: str = "auto",
        folds: int = 5,
        seed: int = 0,
        k: int = 10,
        mode: str = "hybrid",
        bm25_weight: float | None = None,
        fusion: str = "convex",
        effort: int | None = None,
    ) -> Calibration: ...
    @property
    def calibration(self) -> Calibration | None: ...
    async def clear_calibration(self) -> bool: ...
    @property
    def steering(self) -> CollectionSteering: ...
    @property
    def bandits(self) -> CollectionBandits: ...
    async def versions(self, ids: object) -> list[int | None]: ...
    @property
    def sequence(self) -> int: ...
    async def attach(self, path: str | os.PathLike[str]) -> int: ...
    async def shard_statistics(self, request: ShardRequest) -> ShardStatistics: ...
    async def search_shard(self, request: ShardRequest) -> ShardResponse: ...
    @property
    def dim(self) -> int | None: ...
    @property
    def embedder(self) -> Embedder: ...
    @property
    def path(self) -> str | None: ...
    async def checkpoint(self) -> None: ...
    async def compact(self) -> None: ...
    async def backup(self, path: str | os.PathLike[str]) -> None: ...
    async def verify(self) -> Report: ...
    async def stats(self) -> dict[str, Any]: ...
    async def close(self) -> None: ...
    def __await__(self) -> Generator[Any, None, Collection]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...

class CollectionBandits:
    def __init__(self) -> None: ...
    async def get(self, name: str) -> Bandit: ...
    async def add(self, name: str, bandit: Bandit | _plain.Bandit) -> None: ...
    async def remove(self, name: str) -> bool: ...
    async def names(self) -> list[str]: ...
    def __getitem__(self, name: str) -> Bandit: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    def __contains__(self, name: object) -> bool: ...
    def __await__(self) -> Generator[Any, None, CollectionBandits]: ...

class CollectionSteering:
    def __init__(self) -> None: ...
    async def learn(
        self,
        name: str,
        positive: object,
        negative: object,
        *,
        method: str = "auto",
        ridge: float = 3.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> _plain.SteeringVector: ...
    async def learn_joint(
        self,
        examples: Mapping[str, object],
        *,
        method: str = "auto",
        ridge: float = 3.0,
        folds: int = 5,
        seed: int = 0,
    ) -> list[_plain.SteeringVector]: ...
    async def curve(
        self,
        name: str,
        strengths: object,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> list[CurvePoint]: ...
    async def cross_talk(
        self,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> Points: ...
    async def add(self, vector: _plain.SteeringVector) -> None: ...
    @property
    def dials(self) -> list[str]: ...
    @property
    def users(self) -> list[str]: ...
    def __getitem__(self, name: str) -> _plain.SteeringVector: ...
    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    async def attribute(self, name: str) -> _plain.AttributeModel | None: ...
    async def set_attribute(self, name: str, model: _plain.AttributeModel | None) -> None: ...
    async def probabilities(
        self, name: str, ids: object
    ) -> np.ndarray[Any, np.dtype[np.float32]]: ...
    async def remove(self, name: str) -> None: ...
    async def apply(
        self,
        query_vector: object,
        dials: Dials | None = None,
        user: str | None = None,
        *,
        application: str = "additive",
        max_loss: float | None = None,
    ) -> Vectors: ...
    async def feedback(
        self,
        query_vector: object,
        item_vector: object,
        rating: float,
        *,
        user: str | None = None,
        dials: Dials | None = None,
        at: float | None = None,
        position: int | None = None,
    ) -> None: ...
    async def taste(self, user: str) -> Taste: ...
    async def drift(self, user: str) -> list[TasteAt]: ...
    async def retrain(
        self,
        *,
        half_life: float = 2592000.0,
        sigma: float = 3.0,
        per_user: int = 50,
        min_examples: int = 10,
        folds: int = 5,
        seed: int = 0,
    ) -> RetrainReport: ...
    async def forget(self, user: str) -> bool: ...
    async def merge(
        self, other: Steering | _plain.Steering | (CollectionSteering | _plain.CollectionSteering)
    ) -> None: ...
    async def replace(
        self, other: Steering | _plain.Steering | (CollectionSteering | _plain.CollectionSteering)
    ) -> None: ...
    async def copy(self) -> Steering: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    def __await__(self) -> Generator[Any, None, CollectionSteering]: ...

class DenseIndex:
    def __init__(
        self, dim: int, *, metric: str = "cosine", precision: str = "auto", seed: int = 0
    ) -> None: ...
    async def add(self, keys: object, vectors: object) -> None: ...
    async def remove(self, keys: object) -> None: ...
    async def search(
        self,
        queries: object,
        k: int = 10,
        *,
        effort: int | None = None,
        exact: bool = False,
        filter: object = None,
        threads: int | None = None,
        progress: Progress = False,
    ) -> tuple[Keys, Vectors]: ...
    @property
    def dim(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def keys(self) -> Keys: ...
    def __getitem__(self, key: int) -> Vectors: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def open(cls, path: str | os.PathLike[str], mmap: bool = True) -> DenseIndex: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: object) -> bool: ...
    def __await__(self) -> Generator[Any, None, DenseIndex]: ...

class DomainDetector:
    def __init__(
        self, embedder: Embedder | _plain.Embedder | None = None, *, background: float = 0.2
    ) -> None: ...
    async def learn(self, examples: Mapping[str, object]) -> None: ...
    async def detect(self, text_or_vector: object) -> Detection: ...
    async def detect_many(self, texts_or_rows: object) -> list[Detection]: ...
    @property
    def domains(self) -> dict[str, int]: ...
    async def merge(self, other: DomainDetector | _plain.DomainDetector) -> None: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def load(
        cls, path: str | os.PathLike[str], *, embedder: Embedder | _plain.Embedder | None = None
    ) -> DomainDetector: ...
    def __await__(self) -> Generator[Any, None, DomainDetector]: ...

class Embedder:
    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        device: str = "cpu",
        precision: str = "auto",
        threads: int | None = None,
        max_tokens: int | None = None,
        max_wait_ms: int = 0,
        max_batch: int | None = None,
    ) -> None: ...
    async def encode(
        self,
        texts: Any,
        *,
        kind: str = "document",
        normalize: bool = True,
        progress: Progress = False,
    ) -> Vectors: ...
    @property
    def dim(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    async def count_tokens(self, text: str) -> int: ...
    def __await__(self) -> Generator[Any, None, Embedder]: ...

class Engine:
    def __init__(
        self,
        collection: Collection | _plain.Collection,
        *,
        generators: Mapping[str, Any] | None = None,
        router: Router | _plain.Router | None = None,
        bandit: str | None = None,
        domains: DomainDetector | _plain.DomainDetector | None = None,
        cache: Cache | _plain.Cache | None = None,
        prompts: Prompts | _plain.Prompts | None = None,
        metrics: MetricsFiles | _plain.MetricsFiles | None = None,
        scenario: str | None = None,
        history: bool | None = None,
        memory: bool | None = None,
        memory_schema: Mapping[str, Any] | None = None,
        memory_junk: bool | None = None,
        memory_max_chars: int | None = None,
        memory_previous: bool | None = None,
        threads: int | None = None,
    ) -> None: ...
    async def add_documents(
        self,
        texts_or_paths: Any,
        ids: Any = None,
        metadata: Any = None,
        *,
        tenant: str | None = None,
        max_tokens: int | None = None,
        overlap: int | None = None,
        mode: str | None = None,
        whole: bool | None = None,
        progress: Progress = False,
    ) -> Added: ...
    async def remove_documents(self, ids: Any, *, tenant: str | None = None) -> int: ...
    async def document(self, id: str, *, tenant: str | None = None) -> str | None: ...
    async def documents(self, *, tenant: str | None = None) -> list[str]: ...
    async def collection(self, *, tenant: str | None = None) -> Collection: ...
    async def router(self, *, tenant: str | None = None) -> Router | None: ...
    async def metrics(self) -> dict[str, Any]: ...
    async def prometheus(self) -> str: ...
    async def report(
        self, path: str | os.PathLike[str] | None = None, *, title: str = "Questions and answers"
    ) -> str: ...
    async def alerts(self) -> list[dict[str, Any]]: ...
    async def accept_alert(self, figure: str) -> None: ...
    async def watch(
        self,
        *,
        window_minutes: int = 5,
        min_queries: int = 30,
        baseline_windows: int = 288,
        min_windows: int = 24,
        smoothing: float = 0.2,
        limit: float = 4.5,
        min_change: float = 0.1,
    ) -> None: ...
    async def on_query(self, tell: Callable[[dict[str, Any]], object]) -> int: ...
    async def on_alert(self, tell: Callable[[dict[str, Any]], object]) -> int: ...
    async def unsubscribe(self, number: int) -> None: ...
    @property
    def cache(self) -> Cache: ...
    async def history(self, *, tenant: str | None = None) -> History: ...
    async def memory(self, *, tenant: str | None = None) -> Memory: ...
    @property
    def generators(self) -> list[str]: ...
    @property
    def tenants(self) -> list[str]: ...
    async def remove_tenant(self, tenant: str) -> bool: ...
    async def retrieve(self, question: str, k: int | None = None, **options: Any) -> Evidence: ...
    @overload
    async def ask(
        self, question: str, *, stream: Literal[False] = False, **options: Any
    ) -> Answer: ...
    @overload
    async def ask(
        self, question: str, *, stream: Literal[True], **options: Any
    ) -> AnswerStream: ...
    async def ask_many(
        self, questions: Iterable[str], *, progress: Progress = False, **options: Any
    ) -> list[Answer | Exception]: ...
    async def feedback(
        self, answer: Answer | str, rating: float, *, tenant: str | None = None
    ) -> None: ...
    async def backup(self, path: str | os.PathLike[str]) -> None: ...
    async def checkpoint(self) -> None: ...
    async def close(self) -> None: ...
    def __await__(self) -> Generator[Any, None, Engine]: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exception: object) -> None: ...

class Experiment:
    def __init__(
        self,
        name: str,
        variants: Mapping[str, int],
        *,
        measures: Mapping[str, Measure] | None = None,
        salt: str = "",
        layer: str = "",
        layer_from: int = 0,
        layer_to: int = 1000,
        alpha: float = 0.05,
        min_count: int = 100,
        expected_count: float = 10000.0,
        max_users: int = 100000,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    async def assign(self, user: str) -> str | None: ...
    async def record(self, user: str, measure: str, value: float) -> None: ...
    async def status(self) -> dict[str, Any]: ...
    async def promote(self, variant: str | None = None) -> str: ...
    async def overlaps(self, other: Experiment | _plain.Experiment) -> bool: ...
    async def to_json(self) -> str: ...
    @classmethod
    async def from_json(cls, json: str) -> Experiment: ...
    async def merge(self, other: Experiment | _plain.Experiment | str) -> None: ...
    def __await__(self) -> Generator[Any, None, Experiment]: ...

class Extractive:
    def __init__(
        self,
        *,
        max_sentences: int | None = None,
        max_tokens: int | None = None,
        min_share: float | None = None,
        relevance_weight: float | None = None,
        language: str | None = None,
    ) -> None: ...
    def __await__(self) -> Generator[Any, None, Extractive]: ...

class History:
    def __len__(self) -> int: ...
    async def get(self, id: str) -> Answer | None: ...
    async def search(
        self,
        text: str | None = None,
        *,
        user: str | None = None,
        session: str | None = None,
        scenario: str | None = None,
        generator: str | None = None,
        filter: Mapping[str, Any] | None = None,
        since: float | None = None,
        until: float | None = None,
        min_rating: float | None = None,
        cached: bool | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Answer]: ...
    async def forget(self, user: str) -> int: ...
    async def prune(
        self, *, max_age_s: float | None = None, max_count: int | None = None
    ) -> int: ...
    async def compact(self) -> None: ...
    def __await__(self) -> Generator[Any, None, History]: ...

class Interleaving:
    def __init__(self, *, alpha: float = 0.05) -> None: ...
    async def record(self, shown: Interleaved, clicked: Iterable[str]) -> None: ...
    async def status(self) -> dict[str, Any]: ...
    async def to_json(self) -> str: ...
    @classmethod
    async def from_json(cls, json: str) -> Interleaving: ...
    async def merge(self, other: Interleaving | _plain.Interleaving | str) -> None: ...
    def __await__(self) -> Generator[Any, None, Interleaving]: ...

class LexicalIndex:
    def __init__(self, *, k1: float = 1.2, b: float = 0.75, language: str = "english") -> None: ...
    async def add(self, keys: object, texts: object) -> None: ...
    async def remove(self, keys: object) -> None: ...
    async def search(
        self, queries: Any, k: int = 10, filter: object = None
    ) -> tuple[Keys, Vectors]: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def open(cls, path: str | os.PathLike[str]) -> LexicalIndex: ...
    def __len__(self) -> int: ...
    def __contains__(self, key: object) -> bool: ...
    def __await__(self) -> Generator[Any, None, LexicalIndex]: ...

class Memory:
    def __len__(self) -> int: ...
    async def remember(
        self,
        user: str,
        key: str,
        value: Any,
        *,
        session: str | None = None,
        source: Mapping[str, Any] | None = None,
        expires_at: float | None = None,
        confidence: float | None = None,
    ) -> dict[str, Any]: ...
    async def recall(
        self, user: str, key: str, *, session: str | None = None
    ) -> dict[str, Any] | None: ...
    async def facts(self, user: str, *, session: str | None = None) -> list[dict[str, Any]]: ...
    async def search(
        self, user: str, text: str, k: int = 10, *, filter: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]: ...
    async def forget(
        self, user: str, *, session: str | None = None, key: str | None = None
    ) -> int: ...
    async def sweep(self) -> int: ...
    async def compact(self) -> None: ...
    def __await__(self) -> Generator[Any, None, Memory]: ...

class MetricsFiles:
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        keep_days: int = 30,
        every: str = "hour",
        save_minutes: int = 5,
    ) -> None: ...
    async def read(self, since: float = 0.0, until: float = 1000000000000.0) -> dict[str, Any]: ...
    def __await__(self) -> Generator[Any, None, MetricsFiles]: ...

class ParetoArchive:
    def __init__(
        self,
        objectives: int,
        *,
        maximize: bool | Sequence[bool] = False,
        reference: object = None,
        capacity: int = 100,
        keep: str = "crowding",
    ) -> None: ...
    async def add(self, points: object, ids: object) -> Any: ...
    async def merge(self, other: ParetoArchive | _plain.ParetoArchive) -> None: ...
    @property
    def points(self) -> Points: ...
    @property
    def ids(self) -> Keys: ...
    def __len__(self) -> int: ...
    def __await__(self) -> Generator[Any, None, ParetoArchive]: ...

class Prompts:
    def __init__(self) -> None: ...
    async def add(
        self,
        name: str,
        *,
        system: str,
        user: str,
        markers: Iterable[str] = (),
        dials: Mapping[str, float] | None = None,
    ) -> None: ...
    async def phrase(self, dial: str, low: str, high: str) -> None: ...
    @property
    def scenarios(self) -> list[str]: ...
    async def scenario(self, name: str) -> dict[str, Any]: ...
    async def build(
        self,
        question: str,
        passages: Iterable[Any] = (),
        *,
        scenario: str | None = None,
        dials: Mapping[str, float] | None = None,
        user: str | None = None,
        memory: Iterable[str] = (),
        history: Iterable[Mapping[str, str]] = (),
        fields: Mapping[str, str] | None = None,
        now: float | None = None,
        window: int | None = None,
        answer_tokens: int = 0,
        counter: Callable[[str], int] | None = None,
    ) -> Prompt: ...
    def __await__(self) -> Generator[Any, None, Prompts]: ...

class Router:
    def __init__(
        self,
        objectives: Sequence[str] = ("cost", "quality", "diversity"),
        *,
        embedder: Embedder | _plain.Embedder | None = None,
        seed: int = 0,
        log_size: int = 10000,
        first_backoff_s: float = 1.0,
        longest_backoff_s: float = 300.0,
    ) -> None: ...
    async def add(self, name: str, **priors: float | None) -> None: ...
    async def remove(self, name: str) -> None: ...
    @property
    def routes(self) -> list[str]: ...
    @property
    def objectives(self) -> list[str]: ...
    async def fit(
        self, queries_or_vectors: object, outcomes: Mapping[str, Mapping[str, object]]
    ) -> None: ...
    async def route(
        self,
        query_or_vector: object = None,
        *,
        preference: Mapping[str, float] | None = None,
        budget: float | None = None,
        exclude: Iterable[str] = (),
        explore: bool = False,
        policy: str = "learned",
        always: str | None = None,
        threshold: float = 0.5,
        trade: str = "chebyshev",
        at: float | None = None,
    ) -> Decision: ...
    async def observe(
        self,
        decision_or_id: Decision | int,
        *,
        latency_s: float | None = None,
        **outcomes: float | None,
    ) -> None: ...
    async def fail(self, decision_or_id: Decision | int, *, at: float | None = None) -> None: ...
    async def limit(self, name: str, per_minute: int | None) -> None: ...
    async def health(self, name: str) -> RouteHealth: ...
    @property
    def log(self) -> list[dict[str, Any]]: ...
    async def propensity(self, decision_or_id: Decision | int) -> tuple[float, float]: ...
    async def reseed(self, seed: int) -> None: ...
    async def merge(self, other: Router | _plain.Router) -> None: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def load(
        cls, path: str | os.PathLike[str], *, embedder: Embedder | _plain.Embedder | None = None
    ) -> Router: ...
    def __await__(self) -> Generator[Any, None, Router]: ...

class Steering:
    def __init__(self, vectors: Iterable[_plain.SteeringVector] = ()) -> None: ...
    async def add(self, vector: _plain.SteeringVector) -> None: ...
    async def learn(
        self,
        name: str,
        positive: object,
        negative: object,
        *,
        embedder: Embedder | _plain.Embedder | None = None,
        method: str = "auto",
        ridge: float = 3.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> _plain.SteeringVector: ...
    async def learn_joint(
        self,
        examples: Mapping[str, object],
        *,
        embedder: Embedder | _plain.Embedder | None = None,
        method: str = "auto",
        ridge: float = 3.0,
        folds: int = 5,
        seed: int = 0,
    ) -> list[_plain.SteeringVector]: ...
    async def attribute(self, name: str) -> _plain.AttributeModel | None: ...
    async def set_attribute(self, name: str, model: _plain.AttributeModel | None) -> None: ...
    @property
    def dials(self) -> list[str]: ...
    @property
    def users(self) -> list[str]: ...
    def __getitem__(self, name: str) -> _plain.SteeringVector: ...
    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    async def remove(self, name: str) -> None: ...
    async def calibrate(
        self,
        documents: object,
        *,
        loss: float = 0.03,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> None: ...
    async def orthogonalize(self) -> None: ...
    async def cross_talk(
        self,
        documents: object,
        *,
        neighbours: int = 10,
        max_queries: int = 400,
        max_documents: int = 5000,
        seed: int = 0,
    ) -> Points: ...
    async def apply(
        self,
        query_vector: object,
        dials: Dials | None = None,
        user: str | None = None,
        *,
        application: str = "additive",
        max_loss: float | None = None,
    ) -> Vectors: ...
    async def feedback(
        self,
        query_vector: object,
        item_vector: object,
        rating: float,
        *,
        user: str | None = None,
        dials: Dials | None = None,
        at: float | None = None,
        position: int | None = None,
    ) -> None: ...
    async def taste(self, user: str) -> Taste: ...
    async def drift(self, user: str) -> list[TasteAt]: ...
    async def retrain(
        self,
        *,
        half_life: float = 2592000.0,
        sigma: float = 3.0,
        per_user: int = 50,
        min_examples: int = 10,
        folds: int = 5,
        seed: int = 0,
    ) -> RetrainReport: ...
    async def forget(self, user: str) -> bool: ...
    async def merge(
        self, other: Steering | _plain.Steering | (CollectionSteering | _plain.CollectionSteering)
    ) -> None: ...
    async def save(self, path: str | os.PathLike[str]) -> None: ...
    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Steering: ...
    def __await__(self) -> Generator[Any, None, Steering]: ...

class SteeringVector:
    @classmethod
    async def learn(
        cls,
        positive: object,
        negative: object,
        *,
        embedder: Embedder | _plain.Embedder | None = None,
        name: str = "",
        method: str = "auto",
        ridge: float = 3.0,
        c: float = 1.0,
        folds: int = 5,
        seed: int = 0,
    ) -> _plain.SteeringVector: ...

async def aiq(
    costs: object, qualities: object, *, range: tuple[float, float] | None = None
) -> float: ...
async def alpha_ndcg(
    ranking: object, subtopics: Mapping[str, Iterable[str]], *, alpha: float = 0.5, k: int = 10
) -> float: ...
async def apgr(shares: object, qualities: object, *, weak: float, strong: float) -> float: ...
async def chebyshev(
    points: object,
    *,
    weights: object = None,
    reference: object = None,
    rho: float = 0.001,
    maximize: bool | Sequence[bool] = False,
) -> Points: ...
async def compare(
    texts: Iterable[Answer | Evidence | str],
    *,
    embedder: Embedder | _plain.Embedder | None = None,
    threshold: float | None = None,
    terms: int = 3,
    min_overlap: float = 0.5,
    min_likeness: float = 0.3,
    max_contradictions: int = 100,
    max_sentences: int = 1000,
    language: str = "english",
) -> AnswerComparison: ...
async def compare_runs(
    a: object,
    b: object,
    qrels: object,
    metric: str = "ndcg@10",
    *,
    test: str = "randomization",
    gain: str = "linear",
    min_grade: float | None = None,
    ignore_identical_ids: bool = False,
    interval: str = "bootstrap",
    level: float = 0.95,
    resamples: int = 10000,
    seed: int = 0,
) -> Comparison: ...
async def cpt(
    shares: object, qualities: object, *, weak: float, strong: float, gap: float | None = None
) -> float: ...
async def crowding_distance(points: object) -> Points: ...
async def distance_to_ideal(
    points: object, *, weights: object = None, maximize: bool | Sequence[bool] = False
) -> Points: ...
async def epsilon_front(
    points: object,
    epsilon: object,
    *,
    kind: str = "additive",
    maximize: bool | Sequence[bool] = False,
) -> Keys: ...
async def evaluate(
    run: object,
    qrels: object,
    metrics: Iterable[str] = ("ndcg@10", "recall@10", "mrr@10", "map@10"),
    *,
    gain: str = "linear",
    min_grade: float | None = None,
    ignore_identical_ids: bool = False,
    interval: str = "bootstrap",
    level: float = 0.95,
    resamples: int = 10000,
    seed: int = 0,
) -> Evaluation: ...
async def export(
    given: Answer | Evidence | Iterable[Answer] | Iterable[Evidence],
    format: str,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "Answers",
    sources: str = "cited",
    full_passages: bool = False,
    details: bool = True,
    keep_markdown: bool = False,
    standalone: bool = True,
    embed_json: bool = True,
    rows: str = "answers",
    guard_formulas: bool = True,
    template: str | None = None,
    citation_template: str = '"{stretch}" [{number}]: "{quote}"',
    source_template: str = "[{number}] {document}: {text}",
    separator: str = "\n\n",
    escape: str = "none",
) -> str: ...
async def filter_feedback(
    ratings: object,
    at: object,
    *,
    half_life: float,
    users: object = None,
    sigma: float = 3.0,
    method: str = "mad",
    per_user: float = 1.0,
    threads: int | None = None,
) -> Filtered: ...
async def fuse(rankings: Iterable[object], *, k: float = 60.0) -> tuple[Keys, Vectors]: ...
async def groundedness(
    answer: str, passages: object, *, embedder: Embedder | _plain.Embedder | None = None
) -> Groundedness: ...
async def hypervolume(
    points: object, reference: object, *, maximize: bool | Sequence[bool] = False
) -> float: ...
async def hypervolume_contributions(
    points: object, reference: object, *, maximize: bool | Sequence[bool] = False
) -> Points: ...
async def import_json(text: str) -> list[Answer]: ...
async def interleave(
    a: Iterable[str], b: Iterable[str], k: int = 10, *, seed: int | None = None
) -> Interleaved: ...
async def intra_list_distance(vectors: object) -> float: ...
async def knee(points: object, *, maximize: bool | Sequence[bool] = False) -> int: ...
async def mmr(
    relevance: object, vectors: object, k: int = 10, *, diversity: float = 0.3
) -> Keys: ...
async def nondominated_sort(points: object, *, maximize: bool | Sequence[bool] = False) -> Keys: ...
async def open(
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | _plain.Embedder | None = None,
    dim: int | None = None,
    read_only: bool = False,
    durability: str = "sync",
) -> Collection: ...
async def optimize(
    objective: Callable[..., Any],
    parameters: Mapping[str, object],
    *,
    objectives: Sequence[str],
    maximize: bool | Sequence[bool] = False,
    population: int = 32,
    generations: int = 25,
    seed: int = 0,
    crossover: float = 0.9,
    crossover_index: float = 15.0,
    mutation: float | None = None,
    mutation_index: float = 20.0,
    initial: Iterable[Mapping[str, object]] = (),
    batch: bool = False,
    progress: Progress = False,
) -> Front: ...
async def pack(
    passages: Iterable[Any],
    budget_tokens: int,
    *,
    documents: Mapping[str, str] | None = None,
    order: str = "rank",
    near_duplicate: float = 0.8,
    near_vector: float = 0.98,
    min_tokens: int = 32,
    overhead: int = 0,
    offsets: str = "bytes",
    counter: Callable[[str], int] | None = None,
) -> list[Passage]: ...
async def pareto_front(points: object, *, maximize: bool | Sequence[bool] = False) -> Keys: ...
async def pgr(quality: float, *, weak: float, strong: float) -> float: ...
async def question_difference(a: str, b: str) -> str | None: ...
async def rating_of_dwell(seconds: float) -> float: ...
async def read_qrels(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]: ...
async def read_run(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]: ...
async def readability(text: str) -> Readability: ...
async def routing_curve(costs: object, qualities: object) -> list[tuple[float, float]]: ...
async def sanitize(text: str) -> str: ...
async def shard_of(id: str, shards: int) -> int: ...
async def stable_hash(salt: str, user: str) -> int: ...
