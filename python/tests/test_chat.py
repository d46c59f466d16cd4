"""Language models behind servers on the loopback, with TLS and without."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import pathlib
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ragcore as rag
from ragcore import aio

KEY = "sk-canary-key"
PEM = pathlib.Path(__file__).parent / "data" / "loopback.pem"
PIECES = ["Yeast makes gas [1]. ", "[PRO TIP: bake it ", "hot] Straßé 🌍."]


class Server(http.server.ThreadingHTTPServer):
    """Answers as the protocol's documentation says, in chunks of HTTP; `reply` may answer else."""

    daemon_threads = True
    #: More than ever connect at once: what finds no room fails, and is asked again.
    request_queue_size = 128

    def __init__(self, reply: Callable[[Any, dict[str, Any]], None] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply = reply or say
        self.seen: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.gone = threading.Event()
        self.scheme = "http"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def server_bind(self) -> None:
        # Without the look-up of its own name that http.server makes.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that goes is no news."""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/v1"

    def __enter__(self) -> Server:
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions"
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((dict(self.headers.items()), body))
        self.server.reply(self, body)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, held: object) -> None:
        self.chunk(b"data: " + json.dumps(held, ensure_ascii=False).encode() + b"\n\n")

    def refuse(self, status: int, message: str) -> None:
        body = json.dumps({"error": {"message": message, "type": "x", "code": None}}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def delta(held: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": held, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m-2026",
        "choices": [choice],
        "usage": None,
    }


def say(handler: Handler, body: dict[str, Any]) -> None:
    handler.begin()
    handler.event(delta({"role": "assistant", "content": ""}))
    for piece in PIECES:
        handler.event(delta({"content": piece}))
    handler.event(delta({}, "stop"))
    usage = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
    if body["stream_options"] == {"include_usage": True}:
        handler.event({**delta({}), "choices": [], "usage": usage})
    handler.chunk(b"data: [DONE]\n\n")
    handler.chunk(b"")


def endless(handler: Handler, body: dict[str, Any]) -> None:
    """One piece, and then nothing until the client goes."""
    handler.begin()
    handler.event(delta({"content": "one"}))
    assert handler.rfile.read(1) == b""
    handler.server.gone.set()


def engine(*generators: tuple[str, Any], **options: Any) -> rag.Engine:
    app = rag.Engine(rag.open(), generators=dict(generators), **options)
    app.add_documents(["Yeast eats sugar. Its gas makes the dough rise."], ids=["bread"])
    return app


def test_an_engine_asks_a_server_and_streams_its_answer() -> None:
    with Server() as server:
        model = rag.ChatModel([server.url], "m", KEY, price_in=1.0, price_out=2.0)
        app = engine(("large", model), scenario="studio")
        with app.ask("what makes the dough rise?", stream=True, temperature=0.5) as stream:
            events = list(stream)
        answer = stream.answer
        text = "".join(event for event in events if isinstance(event, str))
        assert text == answer.text == "Yeast makes gas [1]. Straßé 🌍."
        assert [e.text for e in events if isinstance(e, rag.Marker)] == ["bake it hot"]
        assert answer.citations[0].document == "bread"
        assert (answer.model, answer.finish) == ("m-2026", "stop")
        assert answer.usage == {"input_tokens": 1000, "output_tokens": 500, "estimated": False}
        assert answer.cost == pytest.approx(0.002)
        headers, body = server.seen[0]
        assert headers["authorization"] == f"Bearer {KEY}"
        assert body["model"] == "m" and body["stream"] and body["temperature"] == 0.5
        assert [m["role"] for m in body["messages"]] == ["system", "user"]
        assert "dough rise" in body["messages"][1]["content"]
        assert "Yeast" not in body["messages"][0]["content"]
        health = model.health()
        assert health["up"] and health["cost"] == pytest.approx(0.002)
        assert health["endpoints"][0]["answers"] == 1
        # From the cache, without a call.
        assert app.ask("what makes the dough rise?", temperature=0.5).cached
        assert len(server.seen) == 1


def test_closing_the_iterator_closes_the_connection() -> None:
    with Server(endless) as server:
        stream = engine(("m", rag.ChatModel(server.url, "m"))).ask("count", stream=True)
        assert next(stream) == "one"
        stream.close()
        assert server.gone.wait(60)
        assert stream.answer.text == "one" and stream.answer.finish == "cancelled"


def test_coroutines_ask_and_stop() -> None:
    async def asked(url: str) -> None:
        model = await aio.ChatModel(url, model="m")
        app = await aio.Engine(await aio.open(), generators={"m": model})
        await app.add_documents(["Yeast eats sugar."], ids=["bread"])
        answers = await asyncio.gather(*(app.ask(f"why {i}?") for i in range(8)))
        assert {answer.text.count("🌍") for answer in answers} == {1}
        assert (await model.health())["endpoints"][0]["answers"] == 8

    async def stopped(url: str) -> None:
        stream = engine(("m", rag.ChatModel(url, "m"))).ask("count", stream=True)
        async for piece in stream:
            assert piece == "one"
            break
        await asyncio.to_thread(stream.close)

    with Server() as server:
        asyncio.run(asked(server.url))
    with Server(endless) as server:
        asyncio.run(stopped(server.url))
        assert server.gone.wait(60)


def test_a_failed_server_costs_no_question() -> None:
    with Server() as well, Server(lambda handler, _: handler.refuse(503, "busy")) as ill:
        gone = "http://127.0.0.1:1/v1"
        model = rag.ChatModel([gone, ill.url, well.url], "m", backoff_s=0.0)
        app = engine(("m", model))
        answers = app.ask_many([f"why {i}?" for i in range(32)])
        assert all(isinstance(answer, rag.Answer) for answer in answers)
        assert len(well.seen) == 32
        states = {e["endpoint"]: e["failures"] > 0 for e in model.health()["endpoints"]}
        assert states == {gone: True, ill.url: True, well.url: False}


def test_errors_say_what_is_wrong_and_no_secret() -> None:
    def refuse(handler: Handler, body: dict[str, Any]) -> None:
        handler.refuse(401, f"{handler.headers['Authorization']} is wrong")

    with Server(refuse) as server:
        model = rag.ChatModel([server.url], "m", KEY)
        with pytest.raises(rag.Upstream, match="answered 401; give a key") as caught:
            engine(("m", model)).ask("my canary question")
        shown = f"{caught.value} {caught.value!r} {model!r} {model.health()}"
        assert "canary" not in shown and server.url in repr(model)
    with Server(endless) as server:
        model = rag.ChatModel([server.url], "m", gap_timeout_s=0.05)
        with pytest.raises(rag.Upstream, match="a part of the answer was given"):
            engine(("m", model)).ask("count")
        with pytest.raises(rag.Timeout):
            engine(("m", rag.ChatModel([server.url], "m"))).ask("count", timeout_s=0.2)


def test_what_is_wrong_is_refused_when_the_model_is_made() -> None:
    for arguments, message in [
        (([], "m"), "endpoints must be 1 to"),
        ((["h/canary"], "m"), "number 1"),
        (([7], "m"), r"endpoints\[0\] must be a str"),
        ((["http://h/v1"], ""), "model must be"),
        ((["http://h/v1"], "m", "two canary"), "api_key must be"),
    ]:
        with pytest.raises(rag.InvalidArgument, match=message) as caught:
            rag.ChatModel(*arguments)  # type: ignore[arg-type]
        assert "canary" not in str(caught.value)
    with pytest.raises(rag.InvalidArgument, match="attempts must be in"):
        rag.ChatModel("http://h/v1", "m", attempts=0)
    with pytest.raises(rag.NotFound):
        rag.ChatModel("https://h/v1", "m", ca_file="no/such.pem")


@pytest.fixture
def secure() -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server = Server()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.scheme = "https"
    with server:
        yield server


def test_tls_is_checked_and_stops_as_well(secure: Server) -> None:
    trusting = rag.ChatModel(secure.url, "m", KEY, ca_file=str(PEM))
    assert "🌍" in engine(("m", trusting)).ask("why?").text
    doubting = rag.ChatModel(secure.url, "m", KEY, attempts=1)
    with pytest.raises(rag.Upstream, match="no TLS"):
        engine(("m", doubting)).ask("why?")
    assert len(secure.seen) == 1, "whoever is not trusted gets no key"
    secure.reply = endless
    stream = engine(("m", trusting)).ask("count", stream=True)
    assert next(stream) == "one"
    stream.close()
    assert secure.gone.wait(60) and stream.answer.finish == "cancelled"


def test_a_server_that_others_wrote_is_understood() -> None:
    url = os.environ.get("RAGCORE_TEST_CHAT_SERVER")
    if not url:
        pytest.skip("RAGCORE_TEST_CHAT_SERVER names no OpenAI-compatible server, ADDRESS MODEL")
    address, name = url.split()
    for stream in (True, False):
        model = rag.ChatModel(address, name, "sk-test", stream=stream)
        answer = engine(("m", model)).ask("What makes the dough rise?")
        assert answer.text and answer.finish in ("stop", "length")
        assert model.health()["endpoints"][0]["skipped_events"] == 0
