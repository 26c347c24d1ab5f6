"""Leases of scopes: one process consolidates at a time; a dead process's lease is released.

An owner's name tells its machine and process. A lease whose process is no longer there is given
back for it, so that nothing waits for it to run out. Should the guess be wrong (process numbers of
another container, say), two work at once, which costs double work and breaks nothing: whoever
commits second finds the scope changed.
"""

from __future__ import annotations

import os
import platform
import secrets
import sys

from memoryos.model import Scope
from memoryos.ports import Clock
from memoryos.storage.port import Store


def new_owner() -> str:
    """Return a name for an owner of leases in this process."""
    return f"{platform.node()}/{os.getpid()}/{secrets.token_hex(6)}"


def take(store: Store, scope: Scope, owner: str, seconds: float, clock: Clock) -> bool:
    """Take or renew the scope's lease; False if another process that is alive holds it."""
    if store.lease(scope, owner, seconds, clock()):
        return True
    holder = store.leased(scope)
    if holder is None or not _died(holder.owner):
        return False
    store.release(scope, holder.owner)
    return store.lease(scope, owner, seconds, clock())


def _died(owner: str) -> bool:
    """Return whether the owner was a process of this machine that has ended."""
    node, _, rest = owner.partition("/")
    process = rest.partition("/")[0]
    if node != platform.node() or not process.isdecimal() or sys.platform == "win32":
        return False  # on Windows os.kill(…, 0) would end the process
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
