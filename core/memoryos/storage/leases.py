"""Leases of scopes: one process consolidates at a time; a dead process's lease is released.

An owner's name tells its machine, the machine's boot, its process and when that started. A lease
whose process is no longer there is given back for it, so that nothing waits for it to run out.
Should the guess be wrong (process numbers of another container, say), two work at once, which costs
double work and breaks nothing: whoever commits second finds the scope changed.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from memoryos.errors import MemoryOSError
from memoryos.model import Scope
from memoryos.ports import Clock
from memoryos.storage.port import Store

_log = logging.getLogger("memoryos.storage")
LEASE_SECONDS = 60.0
"""What another machine waits at most for a process that died."""
_RENEWALS = 4
"""Times that a lease is renewed before it would run out."""


class Owner(NamedTuple):
    """Who holds a lease, as its owner's name tells."""

    machine: str
    boot: str
    """Of the machine: another one since it was started anew; "" where it cannot be told."""
    process: str
    started: str
    """When the process was: its number may have been given to another since."""
    token: str = ""

    @classmethod
    def of(cls, name: str) -> Owner | None:
        """Return the owner of that name; None for a name of another form."""
        parts = name.split("/")
        return cls(*parts) if len(parts) == len(cls._fields) else None

    @property
    def is_dead(self) -> bool:
        """Whether it was a process of this machine that has ended."""
        if self.machine != _machine() or not self.process.isdecimal() or sys.platform == "win32":
            return False  # on Windows os.kill(…, 0) would end the process
        if self.boot != _boot():
            return True
        try:
            os.kill(int(self.process), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass  # it is there, and another user's
        return self.started != _started(int(self.process))


def new_owner() -> str:
    """Return a name for an owner of leases in this process."""
    pid = os.getpid()
    return "/".join(Owner(_machine(), _boot(), str(pid), _started(pid), secrets.token_hex(6)))


def is_dead(name: str) -> bool:
    """Return whether an owner of leases is known to have ended."""
    owner = Owner.of(name)
    return owner is not None and owner.is_dead


def described(name: str) -> str:
    """Return an owner of leases in words."""
    owner = Owner.of(name)
    return f"process {owner.process} on {owner.machine}" if owner else name


class Leases:
    """The leases that this process holds. Renews them while work lasts. Thread-safe."""

    def __init__(self, store: Store, clock: Clock, seconds: float = LEASE_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew under another name: what the parent holds is the parent's."""
        self.owner = new_owner()
        self._held: dict[Scope, int] = {}
        self._changed = threading.Condition()
        self._renewer: threading.Thread | None = None

    @contextmanager
    def holding(self, scope: Scope) -> Iterator[bool]:
        """Hold the scope's lease for a `with` block; gives False if another one alive holds it."""
        if not self._take(scope):
            yield False
            return
        with self._changed:
            self._held[scope] = self._held.get(scope, 0) + 1
            if self._renewer is None:
                self._renewer = threading.Thread(
                    target=self._renew, name="memoryos-leases", daemon=True
                )
                self._renewer.start()
        try:
            yield True
        finally:
            with self._changed:
                left = self._held.pop(scope, 1) - 1
                if left:
                    self._held[scope] = left
            if not left:
                self._store.release(scope, self.owner)

    def give_back(self) -> None:
        """Release all, also of work that is still under way: the process is about to end."""
        with self._changed:
            held = list(self._held)
            self._held.clear()
            self._changed.notify_all()
        for scope in held:
            self._store.release(scope, self.owner)

    def holder(self, scope: Scope) -> str:
        """Return who holds the scope's lease, in words."""
        lease = self._store.leased(scope)
        return described(lease.owner) if lease else "nobody"

    def _take(self, scope: Scope) -> bool:
        if self._store.lease(scope, self.owner, self._seconds, self._clock()):
            return True
        lease = self._store.leased(scope)
        if lease is None or not is_dead(lease.owner):
            return False
        self._store.release(scope, lease.owner)
        return self._store.lease(scope, self.owner, self._seconds, self._clock())

    def _renew(self) -> None:
        """Renew what is held, until nothing is."""
        while True:
            with self._changed:
                self._changed.wait(self._seconds / _RENEWALS)
                held = list(self._held)
                if not held:
                    self._renewer = None
                    return
            try:
                for scope in held:
                    self._store.lease(scope, self.owner, self._seconds, self._clock())
                    if scope not in self._held:  # given back meanwhile
                        self._store.release(scope, self.owner)
            except MemoryOSError as error:
                _log.info("a lease was not renewed: %s", error)


@cache
def _machine() -> str:
    """Return a name of this machine that another one is unlikely to have."""
    return f"{platform.node()}.{_read('/etc/machine-id')[:8]}".replace("/", "-")


@cache
def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _started(pid: int) -> str:
    """Return when a process started, in ticks since the boot; "" where that cannot be told."""
    # The name of the program, in brackets, may hold anything.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
