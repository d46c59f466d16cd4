"""Shards in processes of this machine: see :class:`ProcessShards`."""

from __future__ import annotations

import concurrent.futures
import itertools
import multiprocessing
import os
import pickle
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from ._coordinator import Call, LostShard
from ._shard_host import ShardHost, ShardSpec
from .errors import InvalidArgument

#: Seconds that a process has to close its collections before it is ended.
_CLOSING_S = 10.0

Future = concurrent.futures.Future[Any]


class ProcessShards:
    """Shards in processes of this machine, each of which holds some; no server, no port.

    ``folders`` names the folder of each shard, ``processes`` how many share them (a processor each
    by default), ``method`` how they are started: ``"spawn"``, ``"forkserver"`` or ``"fork"``. With
    ``spec.read_only`` any number of such sets may read the same folders, whose pages the machine
    holds once. A process that ends is started again when it is asked next. A spawned process
    imports the program that started it, which must therefore do its work under
    ``if __name__ == "__main__":``.

    >>> import ragcore as rag
    >>> from ragcore.sharded import ProcessShards, ShardSpec
    >>> ProcessShards([], spec=ShardSpec(dim=3))
    Traceback (most recent call last):
        ...
    ragcore.errors.InvalidArgument: folders must name one folder or more, got none
    """

    def __init__(
        self,
        folders: Sequence[str | os.PathLike[str]],
        spec: ShardSpec = ShardSpec(),
        *,
        processes: int | None = None,
        method: str = "spawn",
    ) -> None:
        if not folders:
            raise InvalidArgument("folders must name one folder or more, got none")
        if method not in multiprocessing.get_all_start_methods():
            known = ", ".join(multiprocessing.get_all_start_methods())
            raise InvalidArgument(f"method must be one of {known}, got {method!r}")
        count = min(len(folders), os.cpu_count() or 1) if processes is None else processes
        if not 1 <= count <= len(folders):
            raise InvalidArgument(f"processes must be in 1..={len(folders)}, got {count}")
        self.spec = spec
        self._context = multiprocessing.get_context(method)
        named = [os.fspath(folder) for folder in folders]
        workers = [
            _Worker(self._context, {s: named[s] for s in range(i, len(named), count)}, spec)
            for i in range(count)
        ]
        # Who holds each shard, and who one that is about to be moved.
        self._workers = [workers[shard % count] for shard in range(len(named))]
        self._staged: dict[int, _Worker] = {}

    def __len__(self) -> int:
        return len(self._workers)

    def ask(self, calls: Mapping[int, Call], timeout_s: float) -> dict[int, Any]:
        """See :class:`Shards`."""
        asked = {self._workers[shard].send(shard, call): shard for shard, call in calls.items()}
        done, _ = concurrent.futures.wait(asked, timeout_s)
        return {asked[future]: future.exception() or future.result() for future in done}

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        pids = (worker.pid for worker in dict.fromkeys(self._workers))
        return [pid for pid in pids if pid is not None]

    def stage(self, shard: int, folder: str) -> None:
        """See :class:`Shards`: a process of its own."""
        self._staged[shard] = _Worker(self._context, {shard: folder}, self.spec)

    def ask_staged(self, shard: int, call: Call, timeout_s: float) -> Any:
        """See :class:`Shards`."""
        future = self._staged[shard].send(shard, call)
        done, _ = concurrent.futures.wait([future], timeout_s)
        return (future.exception() or future.result()) if done else None

    def switch(self, shard: int, take: bool) -> None:
        """See :class:`Shards`."""
        staged = self._staged.pop(shard)
        if not take:
            staged.close()
            return
        gone, self._workers[shard] = self._workers[shard], staged
        if gone in self._workers:
            gone.send(shard, ("close", ()))
        else:
            gone.close()

    def close(self) -> None:
        """Lets every process close its collections, and ends those that do not."""
        for worker in dict.fromkeys(self._workers):
            worker.close()


class _Worker:
    """One process with its shards, seen from here."""

    def __init__(self, context: Any, folders: dict[int, str], spec: ShardSpec) -> None:
        self._context, self._folders, self._spec = context, folders, spec
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._process: Any = None
        self._pipe: Connection | None = None
        # What was asked and not answered yet, by number: an answer that nobody waits for is
        # dropped.
        self._open: dict[int, Future] = {}
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process, if one runs."""
        return self._process.pid if self._process is not None and self._process.is_alive() else None

    def send(self, shard: int, call: Call) -> Future:
        """Asks; the answer comes later, or that the process is gone."""
        future: Future = concurrent.futures.Future()
        with self._lock:
            if self._closed:
                raise InvalidArgument("these shards are closed; open them again")
            number = next(self._numbers)
            try:
                pipe = self._pipe or self._start()
                self._open[number] = future
                pipe.send((number, shard, *call))
            except (OSError, EOFError) as error:
                self._open.pop(number, None)
                self._lose(self._pipe)
                future.set_exception(LostShard(f"the process of shard {shard} is gone: {error}"))
        return future

    def _start(self) -> Connection:
        ours: Connection
        ours, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=_serve, args=(theirs, self._folders, self._spec), daemon=True
        )
        self._process.start()
        # Else the end of the process would not be seen at its pipe.
        theirs.close()
        self._pipe = ours
        threading.Thread(target=self._listen, args=(ours,), daemon=True).start()
        return ours

    def _listen(self, pipe: Connection) -> None:
        while True:
            try:
                number, good, value = pipe.recv()
            except (OSError, EOFError, pickle.UnpicklingError):
                with self._lock:
                    self._lose(pipe)
                return
            with self._lock:
                future = self._open.pop(number, None)
            if future is not None and good:
                future.set_result(value)
            elif future is not None:
                future.set_exception(value)

    def _lose(self, pipe: Connection | None) -> None:
        """Tells all who wait at this pipe that nobody will answer."""
        if pipe is None or pipe is not self._pipe:
            return
        self._pipe = None
        pipe.close()
        waiting, self._open = self._open, {}
        for future in waiting.values():
            future.set_exception(LostShard("the process of the shard ended before it answered"))

    def close(self) -> None:
        with self._lock:
            self._closed = True
            try:
                if self._pipe is not None:
                    self._pipe.send(None)
            except OSError:
                pass
        if self._process is not None:
            self._process.join(_CLOSING_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


def _serve(pipe: Connection, folders: dict[int, str], spec: ShardSpec) -> None:
    """The life of a process: a shard is opened when it is asked for the first time."""
    hosts: dict[int, ShardHost] = {}
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            asked = None
        if asked is None:
            break
        number, shard, verb, args = asked
        try:
            if shard not in hosts:
                hosts[shard] = ShardHost(folders[shard], spec)
            answer = (number, True, hosts[shard].run(verb, args))
        except Exception as error:
            answer = (number, False, error)
        try:
            pipe.send(answer)
        except OSError:
            break
    for host in hosts.values():
        host.run("close", ())
