"""Commands that maintain a database: `doctor`, `backup`, `rebuild`, `worker`, `bench`."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memoryos.errors import MissingExtra, ModelError
from memoryos.frontends.cli.console import as_json, emit, emit_line, err, out, shown
from memoryos.frontends.cli.options import (
    DEFAULT_TIMEOUT,
    Assistant,
    BaseUrl,
    Db,
    Embedder,
    Json,
    Model,
    Timeout,
    User,
    Window,
    chat_model,
    chosen_scope,
    opened,
)
from memoryos.frontends.cli.transfer import progress_bar
from memoryos.text.counts import counted

if TYPE_CHECKING:
    from memoryos.engine import Engine
    from memoryos.model import Scope
    from memoryos.upkeep.export import Difference


_CLASH = (
    "memoryos-pro is installed too, and has the same import name `memoryos`: the one installed "
    "last has written over the other. Uninstall it, then install memoryos-integrations again."
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (doctor, backup, rebuild):
        app.command(rich_help_panel="Look after it")(command)
    app.command(rich_help_panel="Look after it")(worker)
    app.command(
        rich_help_panel="Look after it",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        add_help_option=False,
    )(bench)


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be.")] = False,
    db: Db = "memoryos.db",
    embedder: Embedder = None,
    # Not from the environment: trying a model costs calls, so it is asked for each time.
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="Try this chat model: what its endpoint can do, how it files a few turns.",
            rich_help_panel="Models",
        ),
    ] = None,
    base_url: BaseUrl = None,
    json: Json = False,
) -> None:
    """Examine a database: file, journal, tiers, vectors, index, leases; repair it if asked to.

    No repair changes what was said. With --model, that model is tried, and a repair asks it again
    about pages that it failed at. Exit code 1: something is left to repair.
    """
    from memoryos.frontends.cli.model_check import check_model  # noqa: PLC0415
    from memoryos.llm import OpenAIChat  # noqa: PLC0415

    chat = chat_model(model, base_url)
    tried = check_model(chat) if isinstance(chat, OpenAIChat) else None
    report = None
    if tried is None or "://" in db or Path(db).expanduser().exists():
        with opened(db, embedder=embedder, model=chat) as engine:
            report = engine.doctor(repair=repair)
    healthy = (report is None or report.healthy) and (tried is None or tried.works)
    if _is_installed("memoryos-pro"):
        err.print(shown(_CLASH, "yellow"), soft_wrap=True)
    if json:
        told = {"healthy": healthy, **(as_json(report) if report else {})}
        emit({**told, "model": {"works": tried.works, **as_json(tried)}} if tried else told)
    else:
        if report is not None:
            out.print(shown(report.text), soft_wrap=True)
            words = "healthy" if report.healthy else "not healthy: see memoryos doctor --repair"
            out.print(words, style="green" if report.healthy else "yellow")
        if tried is not None:
            out.print(shown(tried.text), soft_wrap=True, style="green" if tried.works else "yellow")
    if not healthy:
        raise typer.Exit(1)


def _is_installed(distribution: str) -> bool:
    from importlib import metadata  # noqa: PLC0415  # reads files

    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def backup(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="New file to copy to.")],
    db: Db = "memoryos.db",
    json: Json = False,
) -> None:
    """Copy a database to a new file, as of one moment, while others go on using it.

    The copy is a database like any other: memoryos stats --db FILE.
    """
    with opened(db) as engine:
        engine.backup(path)
    if json:
        emit({"path": str(path), "bytes": path.stat().st_size})
    else:
        out.print(shown(f"copied to {path}"), soft_wrap=True)


def rebuild(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would change.")
    ] = False,
    db: Db = "memoryos.db",
    user: User = None,
    assistant: Assistant = None,
    embedder: Embedder = None,
    model: Model = None,
    base_url: BaseUrl = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    context_window: Window = None,
    json: Json = False,
) -> None:
    """Derive everything again from the journal: segments, chains, knowledge, profile, vectors.

    Of all memories, or of one. Also the way to another embedder: memoryos rebuild --embedder NAME.
    The old state stays until the new one is complete.
    """
    talker = chat_model(model, base_url, timeout, context_window)
    with opened(db, embedder=embedder, model=talker, new_embedder=True) as engine:
        scopes = engine.scopes()
        if user is not None or assistant is not None:
            scopes = [chosen_scope(scopes, user, assistant)]
        changed: list[tuple[Scope, Difference]] = []
        for scope in scopes:
            with progress_bar(f"rebuilding {scope.user_id}") as progress:
                memory = engine.memory(scope.user_id, scope.assistant_id)
                changed.append((scope, memory.rebuild(dry_run=dry_run, progress=progress)))
    if json:
        emit(
            [
                {"user_id": s.user_id, "assistant_id": s.assistant_id, "changes": d}
                for s, d in changed
            ]
        )
        return
    for scope, difference in changed:
        parts = [
            f"{count} {kind} {what}"
            for what, counts in (
                ("added", difference.added),
                ("removed", difference.removed),
                ("rewritten", difference.rewritten),
            )
            for kind, count in counts.items()
        ]
        told = ", ".join(parts) or "nothing changes"
        out.print(shown(f"{scope.user_id} / {scope.assistant_id}: {told}"), soft_wrap=True)


def worker(
    once: Annotated[bool, typer.Option("--once", help="Do what is pending, then end.")] = False,
    every: Annotated[
        float, typer.Option("--every", min=0.1, metavar="SECONDS", help="Pause between looks.")
    ] = 5.0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, metavar="N", help="Memories at a time.")
    ] = 2,
    db: Db = "memoryos.db",
    embedder: Embedder = None,
    model: Model = None,
    base_url: BaseUrl = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
    context_window: Window = None,
    json: Json = False,
) -> None:
    """Page out and promote what is pending in every memory, so that no other process has to.

    Runs until Ctrl-C. Safe beside other processes: one consolidates a memory at a time. On
    PostgreSQL it does what processes with promotion="queue" ask for, --concurrency memories at a
    time; elsewhere it looks at every memory, and again --every so many seconds.
    """
    from memoryos.storage.port import QueueStore  # noqa: PLC0415
    from memoryos.updating.queue import work  # noqa: PLC0415

    talker = chat_model(model, base_url, timeout, context_window)
    with opened(db, embedder=embedder, model=talker) as engine:
        if isinstance(engine.store, QueueStore):
            work(
                engine.store, engine.modules.consolidator, concurrency=concurrency, until_empty=once
            )
            return
        while True:
            failed = _work_off(engine, json=json)
            if once:
                raise typer.Exit(1 if failed else 0)
            time.sleep(every)


def _work_off(engine: Engine, *, json: bool) -> bool:
    """File what waits in every memory; return whether a model failed at any."""
    failed = False
    for scope in engine.scopes():
        memory = engine.memory(scope.user_id, scope.assistant_id)
        waiting, error = memory.stats().waiting, None
        try:
            memory.flush()
        except ModelError as problem:
            failed, error = True, str(problem)
            if not json:
                err.print(shown(f"{scope.user_id}: {problem}", "yellow"), soft_wrap=True)
        left = memory.stats().waiting
        if json and (waiting or error):
            counts = {"filed": waiting - left, "waiting": left, "error": error}
            emit_line({**as_json(scope), **counts})
        elif waiting > left:
            told = (
                f"{scope.user_id} / {scope.assistant_id}: {counted(waiting - left, 'page')} filed"
            )
            out.print(shown(told), soft_wrap=True)
    return failed


def bench(context: typer.Context) -> None:
    """Run the benchmarks of a checkout of this project; the arguments are theirs.

    They stand in the repository, not in the installed package.
    """
    # An installed script has no checkout on its path: the package's own, else the current folder.
    sys.path += [str(Path(__file__).parents[3]), str(Path.cwd())]
    try:
        benchmarks = importlib.import_module("benchmarks.__main__")
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("benchmarks"):
            raise
        raise MissingExtra(
            "the benchmarks are in the repository, not in the installed package: run "
            "`memoryos bench` in a checkout of memoryos-integrations"
        ) from error
    sys.argv = ["memoryos bench", *context.args]
    sys.exit(benchmarks.main())
