"""Shards in this process: see :class:`LocalShards`."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ._coordinator import Call
from ._shard_host import WRITES, ShardHost, ShardSpec
from .errors import InvalidArgument


class LocalShards:
    """Shards in this process, asked by a thread each: for tests, and for a corpus that is built in
    parts.

    ``folders`` names the folder of each shard, in the order that was given when they were made;
    their number never changes.
    """

    def __init__(
        self, folders: Sequence[str | os.PathLike[str] | None], spec: ShardSpec = ShardSpec()
    ) -> None:
        if not folders:
            raise InvalidArgument("folders must name one folder or more, got none")
        self.spec = spec
        self._hosts = [ShardHost(folder, spec) for folder in folders]
        self._staged: dict[int, ShardHost] = {}
        pool = concurrent.futures.ThreadPoolExecutor
        self._readers = pool(len(folders), "ragcore-shard")
        self._writers = [pool(1, f"ragcore-shard-{shard}") for shard in range(len(folders))]

    @classmethod
    def in_memory(cls, shards: int, spec: ShardSpec = ShardSpec()) -> LocalShards:
        """So many shards that end with the process."""
        return cls([None] * shards, spec)

    def __len__(self) -> int:
        return len(self._hosts)

    def ask(self, calls: Mapping[int, Call], timeout_s: float) -> dict[int, Any]:
        """See :class:`Shards`."""
        asked = {
            self._threads(s, call).submit(self._hosts[s].run, *call): s for s, call in calls.items()
        }
        done, _ = concurrent.futures.wait(asked, timeout_s)
        return {asked[future]: future.exception() or future.result() for future in done}

    def stage(self, shard: int, folder: str) -> None:
        """See :class:`Shards`."""
        self._staged[shard] = ShardHost(folder, self.spec)

    def ask_staged(self, shard: int, call: Call, timeout_s: float) -> Any:
        """See :class:`Shards`."""
        try:
            return self._staged[shard].run(*call)
        except Exception as error:
            return error

    def switch(self, shard: int, take: bool) -> None:
        """See :class:`Shards`."""
        gone = self._staged.pop(shard)
        if take:
            gone, self._hosts[shard] = self._hosts[shard], gone
        self._writers[shard].submit(gone.run, "close", ())

    def _threads(self, shard: int, call: Call) -> concurrent.futures.Executor:
        return self._writers[shard] if call[0] in WRITES else self._readers

    def close(self) -> None:
        """Closes every collection."""
        for threads in [self._readers, *self._writers]:
            threads.shutdown()
        for host in self._hosts:
            host.run("close", ())
