"""An HTTP service around one ragcore engine: questions, streams, feedback, dials, documents.

    pip install ragcore fastapi "uvicorn[standard]" limits
    RAGCORE_KEYS="reader-key=reader,editor-key=editor,admin-key=admin" \
        uvicorn --factory service:from_environment

A key has a role: a reader asks and rates, an editor adds and removes documents as well, an admin
does everything. A key may be bound to a tenant, ``key=reader@acme``: it sees nothing else.
"""

import contextlib
import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import ragcore as rag
from fastapi import Depends, FastAPI, HTTPException, Request, Security, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.security import APIKeyHeader
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Role = Literal["reader", "editor", "admin"]
RANK: dict[str, int] = {"reader": 0, "editor": 1, "admin": 2}

#: What an error of the library is in HTTP; anything else is 500.
STATUS: dict[type[rag.Error], int] = {
    rag.InvalidArgument: 422,
    rag.NotFound: 404,
    rag.AlreadyExists: 409,
    rag.Upstream: 502,
    rag.Timeout: 504,
    rag.ReadOnly: 503,
}


@dataclass(frozen=True)
class Caller:
    """Who asks, as the key says."""

    name: str
    role: Role
    tenant: str | None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Question(Strict):
    question: str = Field(min_length=1, max_length=100_000)
    user: str | None = Field(None, max_length=512)
    session: str | None = Field(None, max_length=512)
    scenario: str | None = None
    generator: str | None = None
    dials: dict[str, float] | None = None
    preference: dict[str, float] | None = None
    filter: dict[str, Any] | None = None
    k: int | None = Field(None, ge=1, le=1_000)
    budget_tokens: int | None = Field(None, ge=16)
    timeout_s: float | None = Field(None, gt=0, le=600)

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"question"}, exclude_none=True)


class Retrieve(Strict):
    question: str = Field(min_length=1, max_length=100_000)
    user: str | None = Field(None, max_length=512)
    dials: dict[str, float] | None = None
    filter: dict[str, Any] | None = None
    k: int | None = Field(None, ge=1, le=1_000)
    budget_tokens: int | None = Field(None, ge=16)

    def options(self) -> dict[str, Any]:
        return self.model_dump(exclude={"question"}, exclude_none=True)


class Batch(Strict):
    questions: list[str] = Field(min_length=1, max_length=1_000)
    user: str | None = None
    k: int | None = Field(None, ge=1, le=1_000)


class Compare(Strict):
    texts: list[str] = Field([], max_length=100)
    #: Ids of answers that were given.
    answers: list[str] = Field([], max_length=100)


class Feedback(Strict):
    answer: str
    rating: float = Field(ge=0, le=1)


class Document(Strict):
    text: str = Field(min_length=1)
    id: str | None = None
    metadata: dict[str, Any] | None = None


class Documents(Strict):
    documents: list[Document] = Field(min_length=1, max_length=10_000)


class Dial(Strict):
    name: str = Field(min_length=1, max_length=256)
    positive: list[str] = Field(min_length=2, max_length=10_000)
    negative: list[str] = Field(min_length=2, max_length=10_000)


def keys_of(text: str) -> dict[str, tuple[Role, str | None]]:
    """Reads ``key=role`` or ``key=role@tenant``, separated by commas."""
    keys: dict[str, tuple[Role, str | None]] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
        key, _, rest = entry.partition("=")
        role, _, tenant = rest.partition("@")
        if not key or role not in RANK:
            # The entry holds a secret, so it is not shown.
            raise ValueError(
                f"entry {number} of the keys must be key=role or key=role@tenant, "
                f"a role is one of {', '.join(RANK)}"
            )
        keys[key] = (role, tenant or None)  # type: ignore[assignment]
    return keys


class Doors:
    """Who may come in, and how often."""

    def __init__(self, keys: Mapping[str, tuple[Role, str | None]], rate: str) -> None:
        # Hashes of one length: comparing them takes the same time whatever the key is.
        self.keys = {self._hash(key): role for key, role in keys.items()}
        self.limit: RateLimitItem = parse(rate)
        self.limiter = MovingWindowRateLimiter(MemoryStorage())

    @staticmethod
    def _hash(key: str) -> bytes:
        return hashlib.sha256(key.encode()).digest()

    def caller(self, key: str | None, least: Role) -> Caller:
        given = self._hash(key or "")
        found = None
        for held, role in self.keys.items():
            if hmac.compare_digest(held, given):
                found = role
        if found is None:
            raise HTTPException(401, "give a known key in the header X-API-Key")
        role, tenant = found
        if RANK[role] < RANK[least]:
            raise HTTPException(403, f"this needs the role {least}, the key is of a {role}")
        name = given.hex()[:12]
        if not self.limiter.hit(self.limit, name):
            reset, _ = self.limiter.get_window_stats(self.limit, name)
            raise HTTPException(
                429, f"more than {self.limit}; try again later", {"Retry-After": _seconds(reset)}
            )
        return Caller(name, role, tenant)


def plain(value: Any) -> Any:
    """Named tuples as objects of JSON."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(held) for name, held in value._asdict().items()}
    return [plain(held) for held in value] if isinstance(value, (list, tuple)) else value


def _seconds(until: float) -> str:
    return str(max(1, round(until - time.time())))


def create(
    engine: rag.Engine, keys: Mapping[str, tuple[Role, str | None]], *, rate: str = "600/minute"
) -> FastAPI:
    """The application around an engine. ``rate`` is the limit of each key."""
    doors = Doors(keys, rate)
    header = APIKeyHeader(name="X-API-Key", auto_error=False)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(engine.checkpoint)

    app = FastAPI(title="ragcore", version=rag.__version__, lifespan=life)

    def needs(least: Role) -> Any:
        async def check(key: Annotated[str | None, Security(header)]) -> Caller:
            return doors.caller(key, least)

        return Depends(check)

    @app.exception_handler(rag.Error)
    async def told(_: Request, error: Exception) -> JSONResponse:
        found = (status for kind, status in STATUS.items() if isinstance(error, kind))
        return JSONResponse({"detail": str(error)}, next(found, 500))

    @app.post("/query")
    def query(asked: Question, caller: Annotated[Caller, needs("reader")]) -> dict[str, Any]:
        answer = engine.ask(asked.question, tenant=caller.tenant, **asked.options())
        return answer.to_dict()

    @app.post("/retrieve")
    def retrieve(asked: Retrieve, caller: Annotated[Caller, needs("reader")]) -> Response:
        evidence = engine.retrieve(asked.question, tenant=caller.tenant, **asked.options())
        return Response(evidence.to_json(), media_type="application/json")

    @app.post("/batch")
    def batch(asked: Batch, caller: Annotated[Caller, needs("reader")]) -> list[dict[str, Any]]:
        options = asked.model_dump(exclude={"questions"}, exclude_none=True)
        answers = engine.ask_many(asked.questions, tenant=caller.tenant, **options)
        return [
            {"error": str(answer)} if isinstance(answer, Exception) else answer.to_dict()
            for answer in answers
        ]

    @app.post("/compare")
    def compare(given: Compare, caller: Annotated[Caller, needs("reader")]) -> dict[str, Any]:
        texts = given.texts
        if given.answers:
            kept = engine.history(tenant=caller.tenant)
            found = [kept.get(id) for id in given.answers]
            for id, answer in zip(given.answers, found, strict=True):
                if answer is None:
                    raise HTTPException(404, f'no answer "{id}" is here')
            texts = [*texts, *found]
        return plain(rag.compare(texts))

    @app.get("/export/{id}")
    def export(
        id: str, caller: Annotated[Caller, needs("reader")], format: str = "markdown"
    ) -> PlainTextResponse:
        answer = engine.history(tenant=caller.tenant).get(id)
        if answer is None:
            raise HTTPException(404, f'no answer "{id}" is here')
        # As plain text whatever the format: what is in it may come from anybody.
        return PlainTextResponse(rag.export(answer, format))

    @app.post("/feedback", status_code=204)
    def feedback(given: Feedback, caller: Annotated[Caller, needs("reader")]) -> None:
        engine.feedback(given.answer, given.rating, tenant=caller.tenant)

    @app.post("/documents")
    def add(given: Documents, caller: Annotated[Caller, needs("editor")]) -> dict[str, Any]:
        added = engine.add_documents(
            [document.text for document in given.documents],
            ids=_ids(given.documents),
            metadata=[document.metadata or {} for document in given.documents],
            tenant=caller.tenant,
        )
        return added._asdict()

    @app.delete("/documents/{id}", status_code=204)
    def remove(id: str, caller: Annotated[Caller, needs("editor")]) -> None:
        if engine.remove_documents([id], tenant=caller.tenant) == 0:
            raise HTTPException(404, f'no document "{id}" is here')

    @app.get("/documents")
    def documents(caller: Annotated[Caller, needs("reader")]) -> list[str]:
        return engine.documents(tenant=caller.tenant)

    @app.post("/learn-steering")
    def learn(given: Dial, caller: Annotated[Caller, needs("admin")]) -> dict[str, Any]:
        steering = engine.collection(tenant=caller.tenant).steering
        dial = steering.learn(given.name, given.positive, given.negative)
        return {"name": dial.name, "dials": steering.dials}

    @app.get("/history")
    def history(
        caller: Annotated[Caller, needs("reader")],
        text: str | None = None,
        user: str | None = None,
        limit: int = 20,
    ) -> list[dict[str, Any]]:
        kept = engine.history(tenant=caller.tenant)
        return [answer.to_dict() for answer in kept.search(text, user=user, limit=limit)]

    @app.get("/metrics")
    def metrics(_: Annotated[Caller, needs("admin")]) -> PlainTextResponse:
        return PlainTextResponse(engine.prometheus(), media_type="text/plain; version=0.0.4")

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": rag.__version__}

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        """One question after the other; pieces, markers and at the end the answer come back."""
        try:
            doors.caller(socket.headers.get("x-api-key"), "reader")
        except HTTPException as refused:
            await socket.close(1008, str(refused.detail)[:120])
            return
        await socket.accept()
        async for said in socket.iter_text():
            try:
                caller = doors.caller(socket.headers.get("x-api-key"), "reader")
                asked = Question.model_validate_json(said)
                pieces = engine.ask(
                    asked.question, stream=True, tenant=caller.tenant, **asked.options()
                )
            except HTTPException as refused:
                await socket.send_json({"error": refused.detail})
                continue
            except ValidationError as wrong:
                places = [".".join(map(str, error["loc"])) for error in wrong.errors()]
                await socket.send_json({"error": f"wrong or unknown: {', '.join(places)}"})
                continue
            try:
                async for event in pieces:
                    sent = event if isinstance(event, str) else event._asdict()
                    await socket.send_json({"text" if isinstance(event, str) else "marker": sent})
                await socket.send_json({"answer": pieces.answer.to_dict()})
            except rag.Error as error:
                await socket.send_json({"error": str(error)})
            finally:
                # Who went away is not answered any more.
                await run_in_threadpool(pieces.close)

    return app


def _ids(documents: list[Document]) -> list[str] | None:
    ids = [document.id for document in documents]
    if all(id is None for id in ids):
        return None
    if any(id is None for id in ids):
        raise HTTPException(422, "give every document an id, or none")
    return [id for id in ids if id is not None]


def from_environment() -> FastAPI:
    """``RAGCORE_STORE`` (a folder; in memory without), ``RAGCORE_KEYS``, ``RAGCORE_RATE``."""
    keys = keys_of(os.environ.get("RAGCORE_KEYS", ""))
    if not keys:
        raise SystemExit("set RAGCORE_KEYS, such as a-long-random-key=admin")
    store = os.environ.get("RAGCORE_STORE")
    engine = rag.Engine(rag.open(None if store is None else Path(store)))
    return create(engine, keys, rate=os.environ.get("RAGCORE_RATE", "600/minute"))
