"""Runs the application with uvicorn, and shows it in the browser."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable

from memoryos.engine import Engine
from memoryos.errors import InvalidInput, MissingExtra
from memoryos.frontends.web.app import build
from memoryos.frontends.web.settings import WebSettings, is_loopback

try:
    import uvicorn
except ImportError as error:
    raise MissingExtra.of("memoryos ui", "ui") from error

_SECONDS_TO_END = 3
"""How long answers that are under way may hold up the end."""


def run(
    engine: Engine,
    settings: WebSettings,
    *,
    open_browser: bool,
    announce: Callable[[str], None],
) -> None:
    """Serve until interrupted."""
    listening = _listen(settings)
    port = listening.getsockname()[1]
    # Of an address that stands for all ("0.0.0.0") no browser can ask.
    host = settings.host if is_loopback(settings.host) else "127.0.0.1"
    address = f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
    announce(address)
    config = uvicorn.Config(
        build(engine, settings),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    if open_browser:
        opening = threading.Timer(0.5, webbrowser.open, [address])
        opening.daemon = True
        opening.start()
    uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: WebSettings) -> socket.socket:
    """Return a socket on the address. Raises InvalidInput when it cannot be had."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen()  # who comes before the application is up waits for it
    except OSError as error:
        raise InvalidInput(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}): "
            "choose another with --port (0 takes any that is free)"
        ) from error
    return listening
