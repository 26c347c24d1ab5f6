"""Background consolidation: an engine's threads that finish what `add` has left to do.

They hold no work of their own: a scope's name is only a hint that the journal may have something
due. Whatever they were doing when the process ended, the next engine to open the store goes on
with.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable

from memoryos.errors import (
    EngineClosed,
    MemoryOSError,
    ModelError,
    ModelUnavailable,
    StorageBusy,
)
from memoryos.model import Knowledge, Note, Scope
from memoryos.ports import Clock, observed
from memoryos.storage.leases import Leases
from memoryos.storage.port import QueueStore, Store
from memoryos.updating.events import Events
from memoryos.updating.filing import Updater, never
from memoryos.updating.revisit import Revisitor

_log = logging.getLogger("memoryos.updating.worker")
_QUIET_SECONDS = 0.05
"""The thread waits for a pause between adds, so as not to take the interpreter from them…"""
_PATIENCE_SECONDS = 1.0
"""…but not longer than this."""
_FLUSH_SECONDS = 120.0
"""How long `flush` waits for another process that is at it."""
_FLUSH_POLL_SECONDS = 0.01
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
        self.leases = Leases(store, clock)
        self._begin()

    def after_fork(self) -> None:
        """Take a new lease owner's name and new locks for this process."""
        self.leases.after_fork()
        self._begin()

    def _begin(self) -> None:
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

    def note(self, scope: Scope, note: Note) -> Knowledge | None:
        """Journal what was stated by hand; return what stands now. Raises StorageError."""
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

        What others add meanwhile is left to the next time, so that it comes to an end. False if
        another process is at it, or if `stopped`, asked before each batch, says so. Raises
        ModelError or StorageError; what was done stays done.
        """
        with self._guard:
            lock = self._locks.get(scope)
            if lock is None:
                lock = self._locks[scope] = _ScopeLock()
        with lock.lock:
            last = self._store.head(scope).last_seq
            self._updater.embed(scope)
            self._updater.arrange(scope)
            self._updater.renew(scope)
            by_page = self._updater.by_page(scope)
            waiting = self._store.waiting(scope)
            due = [] if by_page or not waiting else self._updater.due(scope, everything=everything)
            is_due = waiting if by_page else due
            if not (is_due or scope in self._visits or everything):
                return True
            with self.leases.holding(scope) as mine:
                if not mine:
                    self.save_visits(scope)
                    return False

                def file() -> bool:
                    if by_page and not self._updater.file(scope, stopped=stopped):
                        return False
                    self.save_visits(scope)
                    return by_page or self._by_model(
                        scope, last, stopped, everything=everything, revisit=revisit
                    )

                pages = len(waiting) if by_page else sum(len(seqs) for _, seqs in due)
                return observed("file", scope, None, {"pages": pages}, file) if pages else file()

    def _by_model(
        self,
        scope: Scope,
        last: int,
        stopped: Callable[[], bool],
        *,
        everything: bool,
        revisit: bool,
    ) -> bool:
        """Have a model read the batches that are due, and promote; whether nothing is left.

        last: position of the newest page that is read.
        """
        promoter = self._updater.promoter
        promoter.promote_hot(scope)  # a segment whose promotion failed is still hot
        while due := self._due(scope, last, everything=everything):
            for session_id, seqs in due:
                if stopped():
                    return False
                self._updater.page_out(scope, session_id, seqs)
        if self._revisitor.run(scope, failed=revisit):
            promoter.promote_hot(scope)
        return True

    def _due(self, scope: Scope, last: int, *, everything: bool) -> list[tuple[str, list[int]]]:
        """Return the batches due among the pages up to a position."""
        return [
            (session_id, seqs)
            for session_id, all_ in self._updater.due(scope, everything=everything)
            if (seqs := [seq for seq in all_ if seq <= last])
        ]

    def rests(self, scope: Scope) -> bool:
        """Return whether pages wait for their session to come to rest."""
        return bool(self._store.waiting(scope))

    def run_now(self, scope: Scope, *, revisit: bool = False) -> None:
        """Do everything pending, waiting for another process that is at it. Raises StorageBusy.

        revisit: as for `run`.
        """
        deadline = time.monotonic() + _FLUSH_SECONDS
        while not self.run(scope, everything=True, revisit=revisit):
            if time.monotonic() > deadline:
                raise StorageBusy(
                    f"{self.leases.holder(scope)} has been consolidating this scope for too long"
                )
            time.sleep(_FLUSH_POLL_SECONDS)


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
    """Background threads that consolidate; they start when there is work, and anew after a fork.

    Args:
        consolidator: what does the work of a scope.
        waiting: returns the scopes that an earlier process has left something to do of.
        rest_seconds: after which a scope is looked at again whose pages wait for their session's
            rest.
        threads: scopes that are worked on at once, at most: more than one where a model is waited
            for, so that a slow answer for one user holds up no other.
    """

    def __init__(
        self,
        consolidator: Consolidator | Enqueuer,
        waiting: Callable[[], list[Scope]],
        rest_seconds: float,
        threads: int = 1,
    ) -> None:
        self._consolidator = consolidator
        self._waiting = waiting
        self._rest_seconds = rest_seconds
        self._most_threads = threads
        self.after_fork()

    def after_fork(self) -> None:
        """Reset the state: a forked child has not the parent's threads."""
        self._condition = threading.Condition()
        self._due: dict[Scope, float] = {}
        self._busy: set[Scope] = set()
        self._rests: dict[Scope, float] = {}
        """When to look at scopes again whose sessions may have come to rest by then."""
        self._failures: dict[Scope, int] = {}
        self._last_hint = 0.0
        self._looked = True
        self.closing = False
        """Whether only what is due is still done, at once, and nothing tried again."""
        self.stopped = False
        """Whether nothing more is begun."""
        self._threads: list[threading.Thread] = []
        self._idle = 0

    def start(self) -> None:
        """Start a thread, to do what an earlier process has left."""
        with self._condition:
            self._looked = False
            self._ensure()

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

    def close(self, timeout: float | None = None, *, finish: bool = True) -> list[Scope]:
        """Do what is due, then stop; return the scopes that are left to do. Idempotent.

        Args:
            timeout: seconds; what is not done then is left, and a step that is under way goes on
                without anyone waiting for it. None: as long as it takes.
            finish: whether to begin anything more that is due.
        """
        end = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            self.closing = True
            self.stopped = self.stopped or not finish
            for scope in self._failures:
                self._due.pop(scope, None)
            while self._due and not self.stopped and len(self._threads) < self._most_threads:
                if len(self._threads) >= len(self._due):
                    break
                self._start_thread()
            self._condition.notify_all()
            threads = list(self._threads)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(None if end is None else max(0.0, end - time.monotonic()))
        with self._condition:
            self.stopped = True
            return [*self._busy, *self._due]

    def _ensure(self) -> None:
        """Start a thread if none is idle. The condition is held."""
        if not self._idle and len(self._threads) < self._most_threads:
            self._start_thread()

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=_loop, args=(weakref.ref(self),), name="memoryos", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def next_due(self, timeout: float) -> Scope | None:
        """Wait for the next scope that is due; None when nothing came. It is busy until `done`."""
        with self._condition:
            now = time.monotonic()
            for scope in [scope for scope, at in self._rests.items() if at <= now]:
                if not self.closing:
                    self._due.setdefault(scope, self._rests.pop(scope))
            free = [item for item in self._due.items() if item[0] not in self._busy]
            if self.stopped or (self.closing and not free):
                return None
            if not free:
                self._wait(timeout)
                return None
            scope, at = min(free, key=lambda item: item[1])
            ready = max(at, min(self._last_hint + _QUIET_SECONDS, at + _PATIENCE_SECONDS))
            if ready > now and not self.closing:  # its notice may have come before anyone waited
                self._wait(min(timeout, ready - now))
                return None
            del self._due[scope]
            self._busy.add(scope)
            if any(other not in self._busy for other in self._due):
                self._ensure()
            return scope

    def _wait(self, timeout: float) -> None:
        self._idle += 1
        try:
            self._condition.wait(timeout)
        finally:
            self._idle -= 1

    def done(self, scope: Scope) -> None:
        """Note that no thread works on the scope any more."""
        with self._condition:
            self._busy.discard(scope)
            self._condition.notify()

    @property
    def has_ended(self) -> bool:
        """Whether a thread has nothing more to do."""
        with self._condition:
            return self.stopped or (self.closing and self._due.keys() <= self._busy)

    def _again(self, scope: Scope, seconds: float) -> None:
        with self._condition:
            if not self.closing or self.stopped:  # what is closing tries nothing twice
                self._due.setdefault(scope, time.monotonic() + seconds)

    def work(self, scope: Scope) -> None:
        """Consolidate a scope; what fails for now is tried again later."""
        try:
            if self._consolidator.run(scope, stopped=lambda: self.stopped):
                self._failures.pop(scope, None)
                if self._consolidator.rests(scope):
                    with self._condition:
                        self._rests[scope] = time.monotonic() + self._rest_seconds
            else:
                self._again(scope, _TAKEN_SECONDS)
        except (ModelError, StorageBusy) as error:
            first = not self._failures  # one endpoint fails for all: one line tells it
            failures = self._failures[scope] = self._failures.get(scope, 0) + 1
            wait = min(_RETRY_SECONDS * 2.0 ** (failures - 1), _MOST_RETRY_SECONDS)
            if isinstance(error, ModelUnavailable) and error.retry_after:
                wait = max(error.retry_after, _RETRY_SECONDS)  # nobody asks before
            level = logging.WARNING if first else logging.DEBUG
            _log.log(level, "consolidation waits %.0f s and goes on: %s", wait, error)
            self._again(scope, wait)
        except EngineClosed:
            pass
        except MemoryOSError as error:
            _log.error("consolidation of a scope stopped: %s", error)
        except Exception:  # noqa: BLE001  # the thread must outlive any bug of an analyst
            _log.exception("consolidation of a scope stopped")
        finally:
            self.done(scope)

    def look(self) -> None:
        """Hint, once, at all scopes with pages that wait."""
        with self._condition:
            if self._looked:
                return
            self._looked = True
        try:
            for scope in self._waiting():
                self._again(scope, 0.0)
        except EngineClosed:
            pass  # what waits is the next engine's to find
        except MemoryOSError as error:
            _log.warning("could not look for unfinished work: %s", error)


def _loop(reference: weakref.ref[Worker]) -> None:
    """Run a worker until it closes or is no longer referred to by anyone else."""
    while True:
        worker = reference()
        if worker is None or worker.has_ended:
            return
        worker.look()
        scope = worker.next_due(1.0)
        if scope is not None:
            worker.work(scope)
        del worker
