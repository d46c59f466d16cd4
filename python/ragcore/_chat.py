"""Language models behind servers: :class:`ChatModel`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _core
from ._texts import texts as as_texts


class ChatModel:
    """A language model behind one or several OpenAI-compatible servers.

    vLLM, NIM, llama.cpp, Gemini and many others speak that protocol. ``endpoints`` are addresses
    such as ``http://host:8000/v1``, which all serve ``model``; one address may be given alone. The
    one with the fewest calls in flight is asked; one that fails is put aside for a while, and the
    call is made again elsewhere unless a piece of the answer was given already. Nothing is
    connected to before the first question.

    ``api_key`` is sent to the endpoints and shown nowhere.

    >>> import ragcore as rag
    >>> model = rag.ChatModel("http://127.0.0.1:8000/v1", model="m", api_key="sk-canary")
    >>> model
    ChatModel('m' at http://127.0.0.1:8000/v1)
    >>> app = rag.Engine(rag.open(), generators={"large": model})
    >>> model.health()["endpoints"][0]["state"]
    'up'
    """

    __slots__ = ("_inner", "_model")
    _inner: _core.ChatModel

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
    ) -> None:
        if isinstance(endpoints, str):
            endpoints = [endpoints]
        self._inner = _core.ChatModel(
            as_texts(endpoints, "endpoints"),
            model,
            api_key,
            attempts=attempts,
            connect_timeout_s=connect_timeout_s,
            first_byte_timeout_s=first_byte_timeout_s,
            gap_timeout_s=gap_timeout_s,
            timeout_s=timeout_s,
            backoff_s=backoff_s,
            backoff_max_s=backoff_max_s,
            retry_after_max_s=retry_after_max_s,
            pause_s=pause_s,
            pause_max_s=pause_max_s,
            health_interval_s=health_interval_s,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            burst_s=burst_s,
            window=window,
            price_in=price_in,
            price_out=price_out,
            stream=stream,
            include_usage=include_usage,
            temperature=temperature,
            max_tokens=max_tokens,
            max_line_bytes=max_line_bytes,
            max_response_bytes=max_response_bytes,
            ca_file=ca_file,
        )
        self._model = model

    @property
    def model(self) -> str:
        """The name that the servers know it by."""
        return self._model

    def health(self) -> dict[str, Any]:
        """What is known of the endpoints, and what all calls together took and cost.

        ``endpoints`` lists for each its ``state`` (``"up"``, ``"aside"`` after a failure,
        ``"trial"`` when the next call tells), calls in flight, calls, answers, failures, refusals
        as too many, events that were skipped, tokens, what was wrong the last time, and for how
        long it is not asked.
        """
        found: dict[str, Any] = self._inner.health()
        return found

    def __repr__(self) -> str:
        places = ", ".join(e["endpoint"] for e in self.health()["endpoints"])
        return f"ChatModel({self._model!r} at {places})"
