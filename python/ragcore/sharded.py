"""A collection in several shards, each a folder of its own, on one machine or on many.

:class:`ShardedCollection` has the surface of :class:`ragcore.Collection`. Where a document lies
follows from its id (:func:`ragcore.shard_of`); a search asks all shards and merges what they find,
with the hits and scores of a single collection (see :class:`ragcore.ShardRequest` for what is
exact). Who runs the shards is one of three:

- :class:`LocalShards`: in this process, a thread for each;
- :class:`ProcessShards`: processes of this machine, forked or spawned;
- ``ragcore.ray.RayShards``: actors of a Ray cluster.

>>> from ragcore.sharded import LocalShards, ShardedCollection
>>> with ShardedCollection(LocalShards.in_memory(3)) as col:
...     col.add(["tides", "yeast"], ["The moon makes the tides.", "Yeast makes dough rise."])
...     hits = col.search("why does dough rise?", k=1)
...     print(hits.ids, f"{hits.shards_answered} of {hits.shards_total}")
['yeast'] 3 of 3
"""

from __future__ import annotations

from ._coordinator import LostShard, ShardedCollection, ShardedHits, Shards
from ._shard_host import ShardSpec
from ._shards_local import LocalShards
from ._shards_processes import ProcessShards

__all__ = [
    "LocalShards",
    "LostShard",
    "ProcessShards",
    "ShardSpec",
    "ShardedCollection",
    "ShardedHits",
    "Shards",
]
