"""Refuse every connection and every name look-up outside loopback.

A Python that has this folder on PYTHONPATH behaves like one on a machine without a network.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

LOOPBACK = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound


def _host(event: str, args: tuple[Any, ...]) -> Any:
    if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
        return args[0]
    if event in {"socket.connect", "socket.sendto"}:
        where = args[1]
        return where[0] if isinstance(where, tuple) else None  # a Unix socket's address is a path
    return None


def refuse(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: raise what a machine without a network would raise."""
    if not event.startswith("socket."):
        return
    host = _host(event, args)
    if isinstance(host, bytes):
        host = host.decode("idna", "replace")
    if host is not None and host not in LOOPBACK:
        raise socket.gaierror(socket.EAI_NONAME, f"no network here: {event} to {host!r}")


sys.addaudithook(refuse)
