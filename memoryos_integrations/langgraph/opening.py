"""A store for `langgraph.json`, where deployments name one as an asynchronous context manager."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from langgraph.store.base import IndexConfig, TTLConfig

from memoryos_integrations.langgraph.store import MemoryOSStore

URI_VARIABLE = "MEMORYOS_STORAGE_URI"
"""Environment variable that says where the memory is, if the program does not."""


@asynccontextmanager
async def open_store(
    storage_uri: str | None = None,
    user_id: str | None = None,
    assistant_id: str = "assistant",
    *,
    index: IndexConfig | None = None,
    ttl: TTLConfig | None = None,
) -> AsyncIterator[MemoryOSStore]:
    """Open a store with an engine of its own; both are closed at the end.

    storage_uri: where; by default what the environment's MEMORYOS_STORAGE_URI says, else
    "sqlite:///memoryos.db". The rest as for `MemoryOSStore`; with `ttl` its sweeper runs.
    """
    uri = storage_uri or os.environ.get(URI_VARIABLE) or "sqlite:///memoryos.db"
    make = partial(
        MemoryOSStore, None, user_id, assistant_id, storage_uri=uri, index=index, ttl=ttl
    )
    async with await asyncio.to_thread(make) as store:
        yield store
