"""What the page and the REST API are told: who may ask, from where, and how much."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from memoryos.errors import InvalidInput

LEAST_TOKEN = 16
"""Characters of a token: a shorter one could be guessed."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class WebSettings:
    """Settings of the page and the REST API. Raises InvalidInput for what would not be safe."""

    host: str = "127.0.0.1"
    """Address to listen on. One that other machines reach needs a token."""
    port: int = 8765
    """0 takes any that is free."""
    read_only: bool = False
    """Whether every change is refused, on the page and in the API."""
    token: str | None = None
    """Opens the memories of all users."""
    user_tokens: Mapping[str, str] = field(default_factory=dict)
    """Token → the one user whose memories it opens."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, besides the obvious ones, under which browsers may ask for this server."""
    most_body_bytes: int = 8_000_000
    """Longest body of a request."""
    most_upload_bytes: int = 500_000_000
    """Longest file that can be imported."""

    def __post_init__(self) -> None:
        for token in (self.token, *self.user_tokens):
            if token is not None and (len(token) < LEAST_TOKEN or not _is_plain(token)):
                raise InvalidInput(
                    f"a token must be at least {LEAST_TOKEN} letters, digits and signs of ASCII, "
                    "without blanks"
                )
        if not self.guarded and not is_loopback(self.host):
            raise InvalidInput(
                f"host {self.host!r} can be reached from other machines: give a token too "
                "(--token, MEMORYOS_TOKEN or --tokens), or stay on 127.0.0.1"
            )
        if not 0 <= self.port < 65536:
            raise InvalidInput(f"port must be between 0 and 65535, not {self.port}")

    @property
    def guarded(self) -> bool:
        """Whether a token is asked for."""
        return bool(self.token or self.user_tokens)

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a Host header may give, lower case, without a port."""
        names = {*_LOOPBACK_NAMES, *(name.lower() for name in self.allowed_hosts)}
        if not is_loopback(self.host):
            names |= {_bracketed(self.host.lower()), socket.gethostname().lower()}
        return frozenset(names)


def read_tokens(path: str | Path) -> dict[str, str]:
    """Return token → user of a JSON file {"user id": "token" or ["token", …]}.

    Raises InvalidInput, which names no token.
    """
    try:
        found = json.loads(Path(path).expanduser().read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"tokens {str(path)!r} cannot be read: {error.strerror}") from error
    except ValueError:
        raise InvalidInput(f"tokens {str(path)!r} is not JSON") from None
    tokens: dict[str, str] = {}
    for user, given in found.items() if isinstance(found, dict) else [(None, None)]:
        several = [given] if isinstance(given, str) else given
        if not user or not isinstance(several, list) or not several:
            raise InvalidInput(f'tokens {str(path)!r} must be like {{"tom": "token", …}}')
        for token in several:
            if not isinstance(token, str) or tokens.setdefault(token, user) != user:
                raise InvalidInput(f"tokens {str(path)!r}: each token must be a text of one user")
    return tokens


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_plain(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token
