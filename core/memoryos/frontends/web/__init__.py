"""`memoryos ui`: a page to look at memories and put them right, and the same as a REST API.

    from memoryos import Engine
    from memoryos.frontends.web import WebSettings, web_app

    with Engine.open("sqlite:///memories.db") as engine:
        app = web_app(engine, WebSettings())       # an ASGI application; `serve` runs it

Server-side HTML that works without a script. It is on loopback unless a token guards it, and knows
nothing of a memory but what `Engine` and `Memory` tell. Needs the extra `ui`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from memoryos.frontends.web.settings import WebSettings, read_tokens

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from memoryos.engine import Engine

__all__ = ["WebSettings", "read_tokens", "serve", "web_app"]


def web_app(engine: Engine, settings: WebSettings | None = None) -> Starlette:
    """Return the ASGI application over an open engine, which stays open when the app ends.

    Raises MissingExtra.
    """
    from memoryos.frontends.web.app import build  # noqa: PLC0415  # needs an extra

    return build(engine, settings or WebSettings())


def serve(
    engine: Engine,
    settings: WebSettings,
    *,
    open_browser: bool = False,
    announce: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serve until interrupted.

    Args:
        engine: an open engine, which stays open afterwards.
        settings: who may ask, from where, and how much.
        open_browser: whether to show the page.
        announce: called with the page's address when it can be asked for.

    Raises:
        MissingExtra: the extra `ui` is not installed.
        InvalidInput: the address or port cannot be had.
    """
    from memoryos.frontends.web.serving import run  # noqa: PLC0415  # needs an extra

    run(engine, settings, open_browser=open_browser, announce=announce)
