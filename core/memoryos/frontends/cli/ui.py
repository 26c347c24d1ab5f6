"""`memoryos ui`: the page to look at memories, and the REST API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from memoryos.frontends.cli.console import emit_line, out, shown
from memoryos.frontends.cli.options import (
    BaseUrl,
    Db,
    Embedder,
    Json,
    Model,
    chat_model,
    opened,
)

PromotionMode = Literal["background", "manual", "queue"]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="MEMORYOS_TOKEN",
        metavar="TEXT",
        help="Opens all memories. Better in the environment: others may see a command line.",
    ),
]
Tokens = Annotated[
    Path | None,
    typer.Option(
        "--tokens",
        envvar="MEMORYOS_TOKENS",
        metavar="FILE",
        help='Tokens of one user each: a JSON file {"tom": "…"}.',
    ),
]
AllowedHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host", metavar="NAME", help="A name under which browsers may ask for it."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Begin here")(ui)


def ui(  # noqa: PLR0917  # options of a command
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Where to listen. Others need a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="0 takes any that is free.")] = 8765,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    token: Token = None,
    tokens: Tokens = None,
    allowed_host: AllowedHost = None,
    promotion: Annotated[
        PromotionMode,
        typer.Option(
            "--promotion", envvar="MEMORYOS_PROMOTION", help="Who files what the API adds."
        ),
    ] = "background",
    db: Db = "memoryos.db",
    embedder: Embedder = None,
    model: Model = None,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Look at memories in the browser, and put them right; the same as a REST API.

    On http://127.0.0.1:8765/, with the API below /api/ (its document: /api/openapi.json). Runs
    until Ctrl-C.
    """
    from memoryos.frontends.web import WebSettings, read_tokens, serve  # noqa: PLC0415

    def announce(address: str) -> None:
        if json:
            emit_line({"address": address})
        else:
            out.print(shown(f"{address}  Ctrl-C ends it."), soft_wrap=True)

    settings = WebSettings(
        host=host,
        port=port,
        read_only=read_only,
        token=token or None,
        user_tokens=read_tokens(tokens) if tokens else {},
        allowed_hosts=tuple(allowed_host or ()),
    )
    with opened(
        db,
        embedder=embedder,
        model=chat_model(model, base_url),
        promotion="manual" if read_only else promotion,
    ) as engine:
        serve(engine, settings, open_browser=not no_open, announce=announce)
