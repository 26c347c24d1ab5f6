"""Errors as RFC 9457 problems, and every answer as JSON that any reader can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response


class Json(Response):
    """JSON in UTF-8; a half of a character (a lone surrogate) is escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of a value."""
        return encoded(content)


class ProblemJson(Json):
    """A problem (RFC 9457)."""

    media_type = "application/problem+json"


def encoded(content: Any) -> bytes:
    """Return a value as JSON."""
    try:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(content, separators=(",", ":")).encode()


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a request that could not be done."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return ProblemJson(body, status, dict(headers or {}))
