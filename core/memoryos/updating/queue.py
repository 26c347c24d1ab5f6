"""`memoryos worker`: consolidates what other processes have queued, on procrastinate.

Any number of workers may run on any number of machines. A worker may die at any point: its tasks
are taken up by the others, and what it had not committed is done again from the journal.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import TYPE_CHECKING
from uuid import UUID

from memoryos.errors import EngineClosed, InvalidInput, MemoryOSError, ModelError, StorageBusy
from memoryos.storage.port import Store
from memoryos.updating.worker import Consolidator

if TYPE_CHECKING:
    from procrastinate import App

    from memoryos.storage.postgres import PostgresStore

_log = logging.getLogger("memoryos.updating.worker")
_MOST_SECONDS = 300
_MOST_ATTEMPTS = 20
"""After these (an hour and a half) only the next turn, or `flush`, asks for the scope again."""
_LOOK_SECONDS = 5.0
"""Each worker looks for what dead ones left so often…"""
_LOOKS = 12
"""…and, every so many looks, for what a process did not live to queue."""
_AWAY_SECONDS = 2.0


def work(
    store: Store, consolidator: Consolidator, *, concurrency: int = 2, until_empty: bool = False
) -> None:
    """Consolidate queued scopes until a signal stops it (or `until_empty`).

    `store` is on PostgreSQL: raises InvalidInput for another.
    """
    asyncio.run(_work(_postgres_store(store), consolidator, concurrency, until_empty))


async def _work(
    store: PostgresStore, consolidator: Consolidator, concurrency: int, until_empty: bool
) -> None:
    from procrastinate.exceptions import ConnectorException  # noqa: PLC0415  # needs an extra

    from memoryos.storage.postgres.queue import QUEUE, TELLS_SECONDS  # noqa: PLC0415

    while True:
        app = _app(store, consolidator)
        try:
            async with app.open_async():
                await _take_up(app, store, forgotten=True)
                watch = asyncio.create_task(_watch(app, store))
                try:
                    await app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=concurrency,
                        wait=not until_empty,
                        delete_jobs="always",
                        fetch_job_polling_interval=2.0,
                        update_heartbeat_interval=TELLS_SECONDS,
                        shutdown_graceful_timeout=60.0,
                    )
                finally:
                    watch.cancel()
            return
        except (ConnectorException, StorageBusy) as error:
            _log.warning("the worker lost its server, and looks for it again: %s", error)
            await asyncio.sleep(_AWAY_SECONDS)


def _app(store: PostgresStore, consolidator: Consolidator) -> App:
    """Return the application with its task."""
    from memoryos.storage.postgres.queue import CONSOLIDATE, QUEUE  # noqa: PLC0415

    app = store.queue.app()

    @app.task(name=CONSOLIDATE, queue=QUEUE)
    def consolidate(scope: str, attempt: int = 0) -> None:
        _consolidate(store, consolidator, UUID(scope), attempt)

    return app


def _consolidate(store: PostgresStore, consolidator: Consolidator, key: UUID, attempt: int) -> None:
    """Do what is due in a scope; what fails for now is queued again, later each time."""
    scope = store.scope_of(key)
    if scope is None:
        return
    try:
        if consolidator.run(scope):
            return
        error: Exception = StorageBusy("another process is at it")
    except (ModelError, StorageBusy) as failure:
        error = failure
    except EngineClosed:
        return
    if attempt >= _MOST_ATTEMPTS:
        _log.error("consolidation of a scope is given up until its next turn: %s", error)
        return
    seconds = min(2**attempt, _MOST_SECONDS)
    _log.warning("consolidation waits %d s and goes on: %s", seconds, error)
    store.queue.put(key, attempt=attempt + 1, seconds=seconds)


async def _watch(app: App, store: PostgresStore) -> None:
    """Periodically take up tasks of dead workers and scopes that were never queued."""
    from procrastinate.exceptions import ConnectorException  # noqa: PLC0415  # needs an extra

    for look in count(1):
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            await _take_up(app, store, forgotten=not look % _LOOKS)
        except (ConnectorException, MemoryOSError) as error:
            _log.debug("the worker looks again later: %s", error)


async def _take_up(app: App, store: PostgresStore, *, forgotten: bool) -> None:
    """Take up what dead workers left and, if so asked, what a process did not live to queue."""
    from memoryos.storage.postgres.queue import take_from_the_dead  # noqa: PLC0415

    await take_from_the_dead(app)
    if forgotten:
        await asyncio.to_thread(_queue_what_is_forgotten, store)


def _queue_what_is_forgotten(store: PostgresStore) -> None:
    keys = store.forgotten_by_queue()
    while keys:
        for key in keys:
            store.queue.put(key)
        keys = store.forgotten_by_queue(after=keys[-1])


def _postgres_store(store: Store) -> PostgresStore:
    from memoryos.storage.postgres import PostgresStore  # noqa: PLC0415  # needs an extra

    if not isinstance(store, PostgresStore):
        raise InvalidInput(f"a worker needs a store on PostgreSQL, {store.uri!r} has no queue")
    return store
