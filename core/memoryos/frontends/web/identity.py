"""Who asks: tokens, the cookie of a browser that has shown one, and what proves a form is ours."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from memoryos.frontends.web.settings import WebSettings

COOKIE = "memoryos"


@dataclass(frozen=True)
class Identity:
    """Whose memories a request may see."""

    user_id: str | None = None
    """None: everybody's."""

    def may_see(self, user_id: str) -> bool:
        """Return whether the memories of a user are open to it."""
        return self.user_id in (None, user_id)


class Keys:
    """The tokens of a server, and a secret of this process to make cookies and form keys of.

    Nothing is kept about a browser: its cookie is a code of its token, valid until the server ends.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._secret = secrets.token_bytes(32)
        self._known = {
            **{token: Identity(user) for token, user in settings.user_tokens.items()},
            **({settings.token: Identity()} if settings.token else {}),
        }
        self.guarded = settings.guarded

    def of_token(self, token: str) -> Identity | None:
        """Return whom a token stands for. Takes the same time for a right and a wrong one."""
        given, found = token.encode("utf-8", "replace"), None
        for known, identity in self._known.items():
            if hmac.compare_digest(given, known.encode()):
                found = identity
        return found

    def of_cookie(self, cookie: str) -> Identity | None:
        """Return whom the cookie of a browser stands for."""
        given, found = cookie.encode("utf-8", "replace"), None
        for known, identity in self._known.items():
            if hmac.compare_digest(given, self.cookie(known).encode()):
                found = identity
        return found

    def cookie(self, token: str) -> str:
        """Return the cookie for a browser that has shown a token."""
        return self._code("cookie", token)

    def form_key(self, cookie: str) -> str:
        """Return what a form of the browser with this cookie ("" for none) carries."""
        return self._code("form", cookie)

    def is_form_key(self, given: object, cookie: str) -> bool:
        """Return whether a form came from a page that this server gave to this browser."""
        return isinstance(given, str) and hmac.compare_digest(
            given.encode("utf-8", "replace"), self.form_key(cookie).encode()
        )

    def _code(self, what: str, of: str) -> str:
        message = f"{what}:{of}".encode("utf-8", "replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
