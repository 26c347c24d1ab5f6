"""The command `memoryos-mcp`. Nothing but the protocol goes to the standard output."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from memoryos import AsyncEngine, __version__
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos_integrations.mcp.clients import CLIENTS, client_block
from memoryos_integrations.mcp.settings import Settings, load

_EPILOG = """\
Without --config the memory of the user "me" is kept in ~/.memoryos and no model is used.
The published MemoryOS server's config.json works unchanged. Further settings: session_id,
allow_user_id (true: a call may name a user). Every setting can also be given as
MEMORYOS_<NAME>; the key also as OPENAI_API_KEY. For HTTP the token is MEMORYOS_MCP_TOKEN.
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
        block = client_block(options.print_config, options.config)
        sys.stdout.write(json.dumps(block, indent=2) + "\n")
        return
    from memoryos_integrations.mcp.http import is_loopback, serve  # noqa: PLC0415  # heavy
    from memoryos_integrations.mcp.server import build_server  # noqa: PLC0415  # heavy

    token = os.environ.get("MEMORYOS_MCP_TOKEN") or None
    if options.http and not is_loopback(options.host) and token is None:
        raise InvalidInput(
            f"--host {options.host} can be reached from other machines: set MEMORYOS_MCP_TOKEN to "
            "a long random text, which clients then send as their bearer token"
        )
    settings = load(options.config)
    facts: dict[str, Any] = {
        "user_id": settings.user_id,
        "assistant_id": settings.assistant_id,
        "session_id": settings.session_id,
        "allow_user_id": settings.allow_user_id,
        "config": settings.shown(),
    }
    if options.http:
        with settings.open() as engine:
            sys.stderr.write(f"memoryos-mcp: http://{options.host}:{options.port}/mcp\n")
            serve(build_server(lambda: engine, **facts), options.host, options.port, token)
        return
    try:
        build_server(lambda: _opened(settings), **facts).run("stdio")
    except Exception as error:  # anyio gathers the errors of several tasks in a group
        leaves = list(_leaves(error))
        for leaf in leaves:
            if isinstance(leaf, MemoryOSError):
                raise leaf from None
        # Nobody reads the output any more: the client has gone.
        if not all(isinstance(leaf, (BrokenPipeError, ConnectionResetError)) for leaf in leaves):
            raise


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the engine and close it while the server has the standard output to itself.

    Models that are loaded, or fail, may print; the server diverts that to the error output, but
    only as long as it runs.
    """
    engine = AsyncEngine(await asyncio.to_thread(settings.open))
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
    return code
