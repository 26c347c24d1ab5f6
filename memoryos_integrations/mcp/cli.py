"""The command `memoryos-mcp`. Nothing but the protocol goes to the standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from memoryos import __version__
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos_integrations.mcp.clients import CLIENTS, client_block

if TYPE_CHECKING:  # loaded when the server starts: help and --print-config are there at once
    from memoryos import AsyncEngine, Engine
    from memoryos_integrations.mcp.settings import Settings

_EPILOG = """\
Without --config no model is used, and the memory of the user "me" is in the
database of all commands: --db, else MEMORYOS_DB, else memoryos.db in the current
folder. --print-config writes its full path, for a client starts this anywhere.
Look at it with: memoryos ui
The published MemoryOS server's config.json works unchanged. Further settings:
session_id, allow_user_id (true: a call may name a user); for HTTP user_tokens
({"token": "user", …}) or user_header (the header in which your proxy names the
user). Every setting can also be given as MEMORYOS_<NAME>; the key also as
OPENAI_API_KEY. For HTTP the token is MEMORYOS_MCP_TOKEN.
"""
_AT_A_TERMINAL = """\
memoryos-mcp waits for an MCP client on its standard input, which is a terminal.
What a client needs to start it: memoryos-mcp --print-config claude. Ctrl-C ends.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; the process ends with its exit code (2: a setting is wrong)."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="memoryos-mcp: %(levelname)s: %(message)s"
    )
    try:
        _run(_parser().parse_args(arguments))
    except InvalidInput as error:
        sys.exit(_complaint(error, 2))
    except MemoryOSError as error:
        sys.exit(_complaint(error, 1))
    except KeyboardInterrupt:
        sys.exit(130)


def _run(options: argparse.Namespace) -> None:
    if options.print_config:
        block = client_block(options.print_config, options.config, options.db)
        sys.stdout.write(json.dumps(block, indent=2) + "\n")
        return
    from memoryos_integrations.mcp.server import build_server  # noqa: PLC0415
    from memoryos_integrations.mcp.settings import load  # noqa: PLC0415

    settings = load(options.config, db=options.db)
    facts: dict[str, Any] = {
        "user_id": settings.user_id,
        "assistant_id": settings.assistant_id,
        "session_id": settings.session_id,
        "allow_user_id": settings.allow_user_id,
        "config": settings.shown(),
    }
    try:
        if options.http:
            _serve_http(build_server(lambda: _opened(settings), **facts), settings, options)
        else:
            # The SDK's thread waits for a line of input that may never come: Ctrl-C ends the
            # process and not only the loop. What is journalled is durable; what is pending is the
            # next engine's to finish.
            signal.signal(signal.SIGINT, lambda *_: os._exit(130))
            if sys.stdin.isatty():
                sys.stderr.write(_AT_A_TERMINAL)
            build_server(lambda: _opened(settings), **facts).run("stdio")
    except Exception as error:  # anyio gathers the errors of several tasks in a group
        leaves = list(_leaves(error))
        for leaf in leaves:
            if isinstance(leaf, MemoryOSError):
                raise leaf from None
        # Nobody reads the output any more: the client has gone.
        if not all(isinstance(leaf, (BrokenPipeError, ConnectionResetError)) for leaf in leaves):
            raise


def _serve_http(server: Any, settings: Settings, options: argparse.Namespace) -> None:
    # Here: uvicorn is no part of what stdio needs.
    from memoryos_integrations.mcp.http import Door, is_loopback, serve  # noqa: PLC0415

    token = os.environ.get("MEMORYOS_MCP_TOKEN") or None
    if not is_loopback(options.host) and token is None and not settings.user_tokens:
        raise InvalidInput(
            f"--host {options.host} can be reached from other machines: set MEMORYOS_MCP_TOKEN to "
            "a long random text, which clients then send as their bearer token, or give each user "
            "one with the setting user_tokens"
        )
    sys.stderr.write(f"memoryos-mcp: http://{options.host}:{options.port}/mcp\n")
    door = Door(token, settings.user_tokens, settings.user_header)
    serve(server, options.host, options.port, door)


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the engine in a thread that holds up nothing, and close it.

    An engine that cannot be opened ends the process with one line, however late that shows: a
    server without a memory is of no use.  Models that are loaded, or fail, may print; the server
    diverts that to the error output, but only as long as it runs.
    """
    from memoryos import AsyncEngine  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    opened: asyncio.Future[Engine] = loop.create_future()

    def tell(engine: Engine | None, error: Exception | None) -> None:
        if opened.cancelled():
            if engine is not None:
                engine.close()
        elif error is not None:
            opened.set_exception(error)
        elif engine is not None:
            opened.set_result(engine)

    def work() -> None:
        engine, failure = None, None
        try:
            engine = settings.open()
        except MemoryOSError as error:
            os._exit(_complaint(error, 2 if isinstance(error, InvalidInput) else 1))
        except Exception as error:  # noqa: BLE001  # told in the loop, whatever it is
            failure = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, engine, failure)

    # A daemon, not a pool's thread: the interpreter's end would wait for those.
    threading.Thread(target=work, name="memoryos-mcp-opening", daemon=True).start()
    engine = AsyncEngine(await opened)
    try:
        yield engine
    finally:
        await engine.close()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group of errors, or the error itself."""
    for one in getattr(error, "exceptions", ()):
        yield from _leaves(one)
    if not hasattr(error, "exceptions"):
        yield error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="memoryos-mcp",
        description="Serve a memory to MCP clients (Claude, Cline, Cursor and others).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", metavar="FILE", help="the config file (JSON)")
    parser.add_argument("--db", metavar="FILE", help="the database: a file or a URI (memoryos.db)")
    parser.add_argument(
        "--print-config", choices=CLIENTS, help="print what the client's own configuration needs"
    )
    parser.add_argument(
        "--http", action="store_true", help="serve streamable HTTP instead of standard input/output"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address for --http (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8765, help="port for --http (8765)")
    parser.add_argument(
        "--version", action="version", version=f"memoryos-integrations {__version__}"
    )
    return parser


def _complaint(error: MemoryOSError, code: int) -> int:
    sys.stderr.write(f"memoryos-mcp: error: {' '.join(str(error).split())}\n")
    sys.stderr.flush()
    return code
