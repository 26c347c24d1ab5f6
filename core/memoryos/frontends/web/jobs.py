"""Work that takes longer than a page may: exports, imports, rebuilds, examinations.

Each runs in a thread, tells how far it is, and leaves a result that its page shows.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from memoryos.errors import MemoryOSError, StorageBusy
from memoryos.frontends.web.identity import Identity
from memoryos.model import Scope

_log = logging.getLogger("memoryos.frontends.web")
_AT_ONCE = 2
MOST_WAITING = 20
_MOST_KEPT = 50
"""Jobs whose results are kept; the oldest that have ended go first."""
State = Literal["waiting", "running", "done", "failed"]
Progress = Callable[[int, int], None]
"""Called with (done, total)."""


class Stopped(Exception):
    """The server ends, and its jobs with it."""


@dataclass(eq=False)
class Job:
    """One piece of work, and how far it is."""

    id: str
    kind: str
    """"export", "import", "rebuild" or "doctor"."""
    title: str
    identity: Identity
    """Who began it: nobody else sees it."""
    scope: Scope | None
    state: State = "waiting"
    done: int = 0
    total: int = 0
    """0 as long as nobody knows."""
    result: Any = None
    error: str = ""
    folder: Path | None = field(default=None, repr=False)
    """Where its files are, for as long as it is kept."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed")

    def snapshot(self) -> dict[str, Any]:
        """Return what is told of it while it runs."""
        return {"state": self.state, "done": self.done, "total": self.total}


class Jobs:
    """The jobs of one server. Thread-safe."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="memoryos-job")
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(
        self,
        kind: str,
        title: str,
        work: Callable[[Job, Progress], Any],
        identity: Identity,
        scope: Scope | None = None,
        folder: Path | None = None,
    ) -> Job:
        """Begin a job; `work` gets it and what to call with its progress, and returns its result.

        It runs when one of two places is free. `folder` is removed with the job. Raises StorageBusy
        when too many wait.
        """
        if sum(not old.ended for old in list(self._jobs.values())) >= MOST_WAITING:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise StorageBusy("too much is being done already; try again when that has ended")
        job = Job(secrets.token_urlsafe(16), kind, title, identity, scope, folder=folder)
        with self._lock:
            self._jobs[job.id] = job
            ended = [old for old in self._jobs.values() if old.ended]
            for old in ended[: max(0, len(self._jobs) - _MOST_KEPT)]:
                self._remove(old)
        self._threads.submit(self._run, job, work)
        return job

    def get(self, id_: str, identity: Identity) -> Job | None:
        """Return a job that somebody may see."""
        job = self._jobs.get(id_)
        return job if job is not None and job.identity == identity else None

    def close(self) -> None:
        """End: what waits does not begin, what runs stops where it next tells of its progress."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for job in list(self._jobs.values()):
                self._remove(job)

    def _run(self, job: Job, work: Callable[[Job, Progress], Any]) -> None:
        def progress(done: int, total: int) -> None:
            if self._closed:
                raise Stopped
            job.done, job.total = done, total

        job.state = "running"
        try:
            job.result = work(job, progress)
            job.state = "done"
        except Stopped:
            job.error, job.state = "The server ended.", "failed"
        except MemoryOSError as error:
            job.error, job.state = str(error), "failed"
        except Exception:  # noqa: BLE001  # logged, and told on the job's page
            _log.exception("the job %s failed", job.kind)
            job.error, job.state = "Something went wrong; the server's log says what.", "failed"

    def _remove(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        if job.folder is not None:
            shutil.rmtree(job.folder, ignore_errors=True)


def new_folder() -> Path:
    """Return a new folder for a job's files, which only this user of the machine may read."""
    return Path(tempfile.mkdtemp(prefix="memoryos-ui-"))
