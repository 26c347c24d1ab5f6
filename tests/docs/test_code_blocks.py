"""Every code block of README and docs runs: Python for real, commands as far as is safe."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import langchain_classic  # noqa: F401  # once imported it leaves the filters of warnings alone
import pytest
from typer.testing import CliRunner

from memoryos import Engine
from memoryos.testing.openai_server import OpenAIServer
from memoryos_integrations.mcp.cli import main as mcp

_spec = importlib.util.spec_from_file_location("blocks", Path(__file__).with_name("blocks.py"))
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
sys.modules["blocks"] = _module
_spec.loader.exec_module(_module)
Block, blocks, documents, ROOT = (
    _module.Block,
    _module.blocks,
    _module.documents,
    _module.ROOT,
)

LANGUAGES = {"python", "bash", "json", "text", "toml", "mermaid", "sql", "console"}
INSTALLERS = ("pip", "python", "git", "pytest", "mkdocs", "jupyter", "pre-commit", "docker")
NOT_RUN = 5
"""Blocks that only compile; each says why."""
FRONT_DOORS = {
    "index",
    "guides/cli",
    "guides/langchain",
    "guides/langgraph",
    "guides/llamaindex",
    "guides/mcp",
    "guides/memoryos-pro",
    "guides/openai-agents",
    "guides/rest",
}
"""Pages with a program of at most `PROGRAM_LINES` that remembers from one session to another."""
PROGRAM_LINES = 20


def marked(file: Path) -> Any:
    """A document as a parameter; what only a job of its own can run has that job's mark."""
    marks = [pytest.mark.deepagents] if file.name == "deepagents.md" else []
    return pytest.param(file, id=str(file.relative_to(ROOT)), marks=marks)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to stand in, and a stand-in model at OPENAI_BASE_URL."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MEMORYOS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    if importlib.util.find_spec("agents"):  # which does not go with deepagents
        from agents import set_default_openai_api, set_tracing_disabled  # noqa: PLC0415

        set_default_openai_api("chat_completions")  # what the stand-in speaks
        set_tracing_disabled(True)
    opened: list[Engine] = []
    init = Engine.__init__

    def noted(engine: Engine, *arguments: Any, **options: Any) -> None:
        init(engine, *arguments, **options)
        opened.append(engine)

    monkeypatch.setattr(Engine, "__init__", noted)
    # The runner of typer makes the command anew for every line.
    monkeypatch.setattr("typer.testing._get_command", lambda _: app_module().command())
    with OpenAIServer(dimension=32) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield tmp_path
        for engine in opened:  # short examples leave that to the end of the process
            engine.close()


@pytest.mark.filterwarnings("ignore:The class `ConversationChain` was deprecated")
@pytest.mark.parametrize("file", [marked(file) for file in documents()])
def test_the_blocks_of_a_document_run_in_order(file: Path, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(file):
        assert block.language in LANGUAGES, f"{file}:{block.line}: name the block's language"
        run = {"python": run_python, "bash": run_bash, "json": run_json}.get(block.language)
        if run is not None:
            run(block, names)


def run_python(block: Any, names: dict[str, Any]) -> None:
    code = compile("\n" * block.line + block.text, str(block.file), "exec")
    if block.not_run is not None:
        return
    printed: list[str] = []
    alone = {"__name__": "__main__", "print": lambda *said: printed.append(str(said))}
    within = alone if block.remembers else names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # frameworks deprecate what the guides must show
        exec(code, within)
    if block.remembers:
        assert block.remembers in printed[-1], printed
        names |= {name: value for name, value in alone.items() if name != "print"}


def run_json(block: Any, names: dict[str, Any]) -> None:
    json.loads(block.text)


def run_bash(block: Any, names: dict[str, Any]) -> None:
    told = ""
    for line in block.text.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            words = shlex.split(command, comments=True)
            while words and "=" in words[0]:
                name, _, value = words.pop(0).partition("=")
                os.environ.setdefault(name, value)
            if words and words[0] != "export":
                told = run_command(words, f"{block.file}:{block.line}", block.not_run is None)
    if block.remembers:
        assert block.remembers in told


def app_module() -> Any:
    """What only documents with commands need."""
    from memoryos.frontends.cli import app  # noqa: PLC0415

    return app


def run_command(words: list[str], where: str, run: bool) -> str:
    """Run a command of a document, as far as is safe; return what it prints."""
    app, command = app_module().app, app_module().command
    name, *arguments = words
    if words[:2] == ["memoryos", "ui"] and run:  # a server does not end: its options are read
        command().commands["ui"].make_context("ui", arguments[1:])
    elif name == "memoryos" and run:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{where}: {words}: {done.output} {done.exception!r}"
        return done.output
    elif name == "memoryos":
        assert CliRunner().invoke(app, [arguments[0], "--help"]).exit_code == 0, where
    elif name == "memoryos-mcp":
        serves = "--print-config" not in arguments  # a server does not end: its options are read
        code: Any = 0
        try:
            mcp([*arguments, "--help"] if serves else arguments)
        except SystemExit as ended:
            code = ended.code
        assert not code, where
    else:
        assert name in INSTALLERS or shutil.which(name), f"{where}: there is no command {name}"
    return ""


def test_every_front_door_has_a_short_program_that_remembers() -> None:
    programs = {
        str(file.relative_to(ROOT / "docs").with_suffix("")): block
        for file in documents()
        if file.is_relative_to(ROOT / "docs")
        for block in blocks(file)
        if block.remembers
    }
    assert set(programs) >= FRONT_DOORS
    for name, block in programs.items():
        lines = [line for line in block.text.splitlines() if line.strip()]
        assert len(lines) <= PROGRAM_LINES, name
        assert block.not_run is None


def test_hardly_a_block_is_left_out() -> None:
    left_out = [block for file in documents() for block in blocks(file) if block.not_run]
    assert len(left_out) <= NOT_RUN
    assert all(len(block.not_run) > 10 for block in left_out)
