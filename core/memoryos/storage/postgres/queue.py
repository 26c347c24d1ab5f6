"""The queue of scopes to consolidate, on procrastinate: its tables lie beside the journal.

A task is only a hint that the journal may have something due: a lost one loses nothing, one too
many finds nothing to do. It names its scope by key, so that no user's id is in the queue.
"""

from __future__ import annotations

import logging
from typing import Any, cast
from uuid import UUID

import psycopg
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager

from memoryos.storage.postgres.connection import Connections, make_queue, translate
from memoryos.storage.postgres.silence import ServerSilent

_log = logging.getLogger("memoryos.storage")
QUEUE = "memoryos"
CONSOLIDATE = "memoryos.consolidate"
_STALLED_SECONDS = 12.0
"""A worker silent for this long is dead…"""
TELLS_SECONDS = 3.0
"""…for it tells so often that it is not. Should it live after all, two do the same: no harm."""


class Queue:
    """Puts scopes into the queue. Thread-safe."""

    def __init__(self, db: Connections) -> None:
        self._db = db
        self._made = False

    def make(self) -> None:
        """See that the queue's tables are there."""
        if not self._made:
            script = SchemaManager.get_schema()
            self._db.reading(lambda connection: make_queue(connection, script))
            self._made = True

    def put(self, scope: UUID, *, attempt: int = 0, seconds: int = 0) -> bool:
        """Ask for a scope's consolidation in `seconds`; False if it is asked for already.

        Of one scope one task is queued and one is done at a time. Raises StorageError.
        """
        self.make()
        connector = SyncPsycopgConnector()
        pool = self._db.pool()
        connector.open(cast("Any", pool))  # typed as of plain connections
        task = App(connector=connector).configure_task(
            CONSOLIDATE,
            queue=QUEUE,
            lock=str(scope),
            queueing_lock=str(scope),
            schedule_in={"seconds": seconds} if seconds else None,
        )
        try:
            task.defer(scope=str(scope), attempt=attempt)
        except AlreadyEnqueued:
            return False
        except ConnectorException as error:
            cause = error.__cause__
            if isinstance(cause, ServerSilent):
                self._db.drop(pool)
            else:
                pool.check()
            if isinstance(cause, psycopg.Error):
                raise translate(cause, self._db.address.shown) from error
            raise
        return True

    def app(self) -> App:
        """Return the application that a worker runs: it has connections of its own."""
        self.make()
        address = self._db.address
        path = "memoryos,public"
        given = address.given.get("options") or ""
        return App(
            connector=PsycopgConnector(
                conninfo=address.conninfo,
                kwargs={**address.options, "options": f"{given} -c search_path={path}".strip()},
                min_size=1,
                max_size=4,
            )
        )


async def take_from_the_dead(app: App) -> None:
    """Requeue the tasks of workers that died."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_SECONDS):
        assert job.id is not None
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            # Another task of this scope is queued already: that one does it.
            await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        except ConnectorException:
            continue  # another worker was quicker
        _log.info("a dead worker's task was taken up: %s", job.id)
