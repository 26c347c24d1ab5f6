"""Background consolidation: one thread per engine that finishes what `add` has left to do.

It holds no work of its own: a scope's name is only a hint that the journal may have something due.
Whatever it was doing when the process ended, the next engine to open the store goes on with.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence

from memoryos.errors import EngineClosed, MemoryOSError, ModelError, StorageBusy
from memoryos.model import Knowledge, Note, Scope
from memoryos.ports import Clock
from memoryos.storage import leases
from memoryos.storage.port import QueueStore, Store
from memoryos.updating.events import Events
from memoryos.updating.filing import Updater, never
from memoryos.updating.revisit import Revisitor

_log = logging.getLogger("memoryos.updating.worker")
_QUIET_SECONDS = 0.05
"""The thread waits for a pause between adds, so as not to take the interpreter from them…"""
_PATIENCE_SECONDS = 1.0
"""…but not longer than this."""
_LEASE_SECONDS = 120.0
_RETRY_SECONDS = 1.0
_MOST_RETRY_SECONDS = 300.0
_TAKEN_SECONDS = 0.2
"""Another process holds the lease: look again after this."""


class Consolidator:
    """Embeds, pages out and promotes in one scope, under its lease. Thread-safe."""

    def __init__(
        self,
        store: Store,
        updater: Updater,
        revisitor: Revisitor,
        clock: Clock,
    ) -> None:
        self._store = store
        self._updater = updater
        self._events = Events(store, updater)
        self._revisitor = revisitor
        self._clock = clock
        self.after_fork()

    def after_fork(self) -> None:
        """Take a new lease owner's name and new locks for this process."""
        self.owner = leases.new_owner()
        self._locks: weakref.WeakValueDictionary[Scope, _ScopeLock] = weakref.WeakValueDictionary()
        self._visits: dict[Scope, dict[str, int]] = {}
        self._guard = threading.Lock()

    def note_visits(self, scope: Scope, page_ids: list[str]) -> None:
        """Remember that a recall found pages, one of each segment; the next run writes it down."""
        with self._guard:
            counts = self._visits.setdefault(scope, {})
            for page_id in page_ids:
                counts[page_id] = counts.get(page_id, 0) + 1

    def save_visits(self, scope: Scope) -> bool:
        """Store the counted visits; return whether there were any."""
        with self._guard:
            visits = self._visits.pop(scope, None)
        if not visits:
            return False
        try:
            self._events.visit(scope, visits, self._clock())
        except BaseException:
            with self._guard:
                counts = self._visits.setdefault(scope, {})
                for page_id, times in visits.items():
                    counts[page_id] = counts.get(page_id, 0) + times
            raise
        return True

    def note(self, scope: Scope, note: Note) -> Knowledge:
        """Journal what was stated by hand; return the fact. Raises StorageError."""
        return self._events.note(scope, note)

    def run(
        self,
        scope: Scope,
        *,
        everything: bool = False,
        revisit: bool = False,
        stopped: Callable[[], bool] = never,
    ) -> bool:
        """Embed, file and promote what is due; True when nothing is left.

        revisit: also ask a model again about the pages that it failed at within the last day.

        False if another process is at it, or if `stopped`, asked before each batch, says so.
        Raises ModelError or StorageError; what was done stays done.
        """
        with self._guard:
            lock = self._locks.get(scope)
            if lock is None:
                lock = self._locks[scope] = _ScopeLock()
        with lock.lock:
            self._updater.embed(scope)
            self._updater.arrange(scope)
            self._updater.renew(scope)
            by_page = self._updater.by_page(scope)
            due: Sequence[object] = self._store.waiting(scope)
            if not by_page and due:
                due = self._updater.due(scope, everything=everything)
            if not (due or scope in self._visits or everything):
                return True
            if not self._lease(scope):
                self.save_visits(scope)
                return False
            try:
                if by_page and not self._file(scope, stopped):
                    return False
                self.save_visits(scope)
                return by_page or self._by_model(
                    scope, stopped, everything=everything, revisit=revisit
                )
            finally:
                self._store.release(scope, self.owner)

    def _file(self, scope: Scope, stopped: Callable[[], bool]) -> bool:
        """Let the rules file what waits; return whether nothing is left."""
        renewed = time.monotonic()

        def interrupted() -> bool:
            nonlocal renewed
            if time.monotonic() - renewed > _LEASE_SECONDS / 4:
                self._lease(scope)
                renewed = time.monotonic()
            return stopped()

        return self._updater.file(scope, stopped=interrupted)

    def _by_model(
        self, scope: Scope, stopped: Callable[[], bool], *, everything: bool, revisit: bool
    ) -> bool:
        """Have a model read the batches that are due, and promote; whether nothing is left."""
        promoter = self._updater.promoter
        promoter.promote_hot(scope)  # a segment whose promotion failed is still hot
        renewed = time.monotonic()
        while due := self._updater.due(scope, everything=everything):
            for session_id, seqs in due:
                if stopped():
                    return False
                self._updater.page_out(scope, session_id, seqs)
                if time.monotonic() - renewed > _LEASE_SECONDS / 4:
                    self._lease(scope)
                    renewed = time.monotonic()
        if self._revisitor.run(scope, failed=revisit):
            promoter.promote_hot(scope)
        return True

    def rests(self, scope: Scope) -> bool:
        """Return whether pages wait for their session to come to rest."""
        return bool(self._store.waiting(scope))

    def run_now(self, scope: Scope, *, revisit: bool = False) -> None:
        """Do everything pending, waiting for another process that is at it. Raises StorageBusy.

        revisit: as for `run`.
        """
        deadline = time.monotonic() + _LEASE_SECONDS
        while not self.run(scope, everything=True, revisit=revisit):
            if time.monotonic() > deadline:
                raise StorageBusy("another process has been consolidating this scope for too long")
            time.sleep(_TAKEN_SECONDS / 4)

    def _lease(self, scope: Scope) -> bool:
        return leases.take(self._store, scope, self.owner, _LEASE_SECONDS, self._clock)


class Enqueuer:
    """Stands in for a Consolidator: queues the scope for `memoryos worker` to consolidate."""

    def __init__(self, consolidator: Consolidator, queue: QueueStore) -> None:
        self._consolidator = consolidator
        self._queue = queue

    def run(self, scope: Scope, *, stopped: Callable[[], bool] = never) -> bool:
        """Queue a scope's consolidation. Raises StorageError."""
        if stopped():
            return False
        self._consolidator.save_visits(scope)
        self._queue.enqueue(scope)
        return True

    def rests(self, _: Scope) -> bool:
        """Return False: who does the work looks for sessions at rest."""
        return False


class _ScopeLock:
    """A lock that a weak dictionary can hold."""

    def __init__(self) -> None:
        self.lock = threading.RLock()


class Worker:
    """Background thread that consolidates; starts at the first hint, and anew in a forked child."""

    def __init__(
        self,
        consolidator: Consolidator | Enqueuer,
        waiting: Callable[[], list[Scope]],
        rest_seconds: float,
    ) -> None:
        self._consolidator = consolidator
        self._waiting = waiting
        self._rest_seconds = rest_seconds
        self.after_fork()

    def after_fork(self) -> None:
        """Reset the state: a forked child has not the parent's thread."""
        self._condition = threading.Condition()
        self._due: dict[Scope, float] = {}
        self._rests: dict[Scope, float] = {}
        """When to look at scopes again whose sessions may have come to rest by then."""
        self._failures: dict[Scope, int] = {}
        self._last_hint = 0.0
        self.closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, to do what an earlier process has left."""
        self._ensure(look_first=True)

    def hint(self, scope: Scope) -> None:
        """Note that the scope may have work due. Costs microseconds."""
        now = time.monotonic()
        self._last_hint = now
        if scope in self._due:
            return
        with self._condition:
            if self.closing:
                return
            self._due.setdefault(scope, now)
            self._ensure()
            self._condition.notify()

    def close(self, wait: float | None = None) -> list[Scope]:
        """Stop after the step that is under way; return the scopes left to do. Idempotent.

        Waits at most `wait` seconds for that step, None as long as it takes.
        """
        with self._condition:
            self.closing = True
            self._condition.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(wait)
        return [scope for scope in self._due if scope not in self._failures]

    def _ensure(self, *, look_first: bool = False) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_loop, args=(weakref.ref(self), look_first), name="memoryos", daemon=True
            )
            self._thread.start()

    def next_due(self, timeout: float) -> Scope | None:
        """Wait for the next scope that is due; None when nothing came, or closing."""
        with self._condition:
            now = time.monotonic()
            if self.closing:  # its notice may have come before anyone waited
                return None
            for scope in [scope for scope, at in self._rests.items() if at <= now]:
                self._due.setdefault(scope, self._rests.pop(scope))
            if not self._due:
                self._condition.wait(timeout)
                return None
            scope, at = min(self._due.items(), key=lambda item: item[1])
            ready = max(at, min(self._last_hint + _QUIET_SECONDS, at + _PATIENCE_SECONDS))
            if ready > now:
                self._condition.wait(min(timeout, ready - now))
                return None
            del self._due[scope]
            return scope

    def finish(self, scope: Scope) -> None:
        """Do what is left of a scope, in the caller's thread. Raises MemoryOSError."""
        self._consolidator.run(scope)

    def _again(self, scope: Scope, seconds: float) -> None:
        with self._condition:
            self._due.setdefault(scope, time.monotonic() + seconds)

    def work(self, scope: Scope) -> None:
        """Consolidate a scope; what fails for now is tried again later."""
        try:
            if self._consolidator.run(scope, stopped=lambda: self.closing):
                self._failures.pop(scope, None)
                if self._consolidator.rests(scope):
                    self._rests[scope] = time.monotonic() + self._rest_seconds
            else:
                self._again(scope, _TAKEN_SECONDS)
        except (ModelError, StorageBusy) as error:
            failures = self._failures[scope] = self._failures.get(scope, 0) + 1
            wait = min(_RETRY_SECONDS * 2.0 ** (failures - 1), _MOST_RETRY_SECONDS)
            level = logging.WARNING if failures == 1 else logging.DEBUG
            _log.log(level, "consolidation waits %.0f s and goes on: %s", wait, error)
            self._again(scope, wait)
        except EngineClosed:
            pass
        except MemoryOSError as error:
            _log.error("consolidation of a scope stopped: %s", error)
        except Exception:  # noqa: BLE001  # the thread must outlive any bug of an analyst
            _log.exception("consolidation of a scope stopped")

    def look(self) -> None:
        """Hint at all scopes with pages that wait."""
        try:
            for scope in self._waiting():
                self._again(scope, 0.0)
        except MemoryOSError as error:
            _log.warning("could not look for unfinished work: %s", error)


def _loop(reference: weakref.ref[Worker], look_first: bool) -> None:
    """Run a worker until it closes or is no longer referred to by anyone else."""
    looked = not look_first
    while True:
        worker = reference()
        if worker is None or worker.closing:
            return
        if not looked:
            looked = True
            worker.look()
        scope = worker.next_due(1.0)
        if scope is not None:
            worker.work(scope)  # what is closing only says again that it is due
        del worker
