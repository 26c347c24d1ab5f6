"""What can be read off the code: SQL is never built from input, and no id names a file."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest

from memoryos import Engine
from memoryos.errors import ModelError
from memoryos.llm import OpenAIChat
from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_server import OpenAIServer

RUNS = ("execute", "executemany", "executescript", "_rows")
TABLES = ("_SQL", "SQL", "STORE_SQL")
"""Names of what `named_queries` returns: statements from files, none of them made at run time."""


def modules(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((root / "core" / "memoryos").rglob("*.py")):
        if "testing" not in path.parts:
            yield path, ast.parse(path.read_text("utf-8"))


def from_a_file(node: ast.expr) -> bool:
    """Tell whether an argument is one of the named statements."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in TABLES
    )


def constant_but_for_numbers(node: ast.expr) -> bool:
    """Tell whether an argument is a text in the code; whole numbers may be formatted into it."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr) and all(
        isinstance(part, ast.Constant)
        or (
            isinstance(part, ast.FormattedValue)
            and isinstance(part.format_spec, ast.JoinedStr)
            and ast.unparse(part.format_spec) == "f'd'"
        )
        for part in node.values
    )


ALLOWED = {
    ("sqlite/connection.py", "f'PRAGMA synchronous = {self._synchronous}'"): "FULL or NORMAL",
    ("sqlite/schema.py", "statement"): "one of a migration's file",
    ("sqlite/repair.py", "statement"): "what is passed on to fetch_damaged",
    ("sqlite/repair.py", "f'PRAGMA table_info({table})'"): "a table of our own schema",
    ("sqlite/repair.py", "put"): "of a table of our own schema",
    ("sqlite/repair.py", "scan"): "of a table of our own schema",
    ("sqlite/repair.py", "rows"): "of a table of our own schema",
    ("postgres/connection.py", "script.encode()"): "a migration's file, or procrastinate's own",
    ("postgres/search.py", "statement"): "what _rows is given, or what _composed returns",
    ("postgres/changes.py", "statement"): "what select_pages returns",
    ("postgres/rows.py", "statement"): "one of erase_all's",
    ("postgres/store.py", "*select_positions(scope_key(scope), where, after_seq)"): (
        "named statements; of an input only its place in the list is formatted into them"
    ),
    ("postgres/store.py", "statement"): "what _rows and select_pages are given: checked below",
}
"""Arguments that are neither, and why they may be."""


def test_sql_is_never_built_from_input(root: Path) -> None:
    seen = 0
    strangers = []
    for path, tree in modules(root):
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in RUNS or not node.args:
                continue
            seen += 1
            sql = node.args[0]
            if node.func.attr == "_rows" and path.parts[-2] == "sqlite":
                assert isinstance(node.args[1], ast.Constant)  # the name of a statement
                continue
            place = "/".join(path.parts[-2:])
            allowed = (place, ast.unparse(sql)) in ALLOWED
            if not (from_a_file(sql) or constant_but_for_numbers(sql) or allowed):
                strangers.append(f"{path.relative_to(root)}:{node.lineno}: {ast.unparse(sql)}")
    assert seen > 40, "nothing was checked"
    assert strangers == []


def test_the_check_finds_what_it_looks_for() -> None:
    for bad in ("f'SELECT {x}'", "'SELECT ' + x", "'%s' % x", "query", "f'{x:s}'"):
        node = ast.parse(bad, mode="eval").body
        assert not from_a_file(node)
        assert not constant_but_for_numbers(node)
    for good in ("'PRAGMA x'", "f'PRAGMA user_version = {n:d}'"):
        assert constant_but_for_numbers(ast.parse(good, mode="eval").body)
    assert from_a_file(ast.parse("_SQL['pages']", mode="eval").body)


IDS = {"user_id", "assistant_id", "session_id"}
FILES = {"open", "Path", "mkdir", "unlink", "write_text", "write_bytes", "joinpath", "with_name"}


def test_no_id_is_part_of_a_path(root: Path) -> None:
    strangers = []
    for path, tree in modules(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                arguments = [*node.args, *[keyword.value for keyword in node.keywords]]
                if name in FILES and any(_names_an_id(argument) for argument in arguments):
                    strangers.append(f"{path.relative_to(root)}:{node.lineno}")
            elif (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Div)
                and (_names_an_id(node.left) or _names_an_id(node.right))
            ):
                strangers.append(f"{path.relative_to(root)}:{node.lineno}")
    assert strangers == []


def _names_an_id(node: ast.expr) -> bool:
    return any(getattr(part, "id", getattr(part, "attr", None)) in IDS for part in ast.walk(node))


HOSTILE_IDS = ("../escaped", "/tmp/escaped", "a/b", "..", "C:\\x", "nul\x00l", "~root", "%2e%2e")


def test_no_id_reaches_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    with Engine.open("sqlite:///memories.db") as engine:
        for id_ in HOSTILE_IDS:
            memory = engine.memory(id_, id_, id_)
            memory.add("I live in Lisbon.", "Noted.", key=id_)
            memory.recall("Lisbon")
            memory.flush()
            memory.export("export.jsonl")
            memory.forget(session=id_)
            memory.import_("export.jsonl")
        engine.backup("copy.db")
        engine.doctor()
    written = {path.name for path in tmp_path.rglob("*")}
    assert written <= {"home", "memories.db", "copy.db", "export.jsonl"}


MARKED = "zebrafish"
"""Stands in everything that is said; whoever logs a text logs it."""


@pytest.mark.parametrize("model", ["no model", "a model", "a model that fails"])
def test_logs_hold_no_text_of_the_memory(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
) -> None:
    caplog.set_level(logging.INFO)
    # The command line takes the log for itself; a test that ran it may have left it so.
    monkeypatch.setattr(logging.getLogger("memoryos"), "propagate", True)
    caplog.set_level(logging.INFO, "memoryos")
    config = {"promotion": "manual", "short_term_capacity": 1, "heat_threshold": 1.0}
    with OpenAIServer(memory_answers if model == "a model" else "no JSON " + MARKED) as server:
        chat = None
        if model != "no model":
            chat = OpenAIChat("gpt-4o-mini", "sk-secret", server.url, timeout=5, max_retries=0)
        uri = f"sqlite:///{tmp_path / 'memories.db'}"
        with Engine.open(uri, config, chat_model=chat) as engine:
            memory = engine.memory(f"user-{MARKED}", session_id=f"session-{MARKED}")
            for number in range(6):
                memory.add(f"I love the {MARKED} number {number}.", f"A {MARKED}!")
            for act in (
                memory.flush,
                lambda: memory.recall(f"{MARKED}?"),
                lambda: memory.respond(f"What about the {MARKED}?"),
                lambda: memory.export(tmp_path / "export.jsonl"),
                memory.rebuild,
                engine.doctor,
                lambda: memory.forget(everything=True),
                lambda: memory.import_(tmp_path / "export.jsonl"),
                memory.flush,
            ):
                with suppress(ModelError) if model == "a model that fails" else nullcontext():
                    act()
        if chat is not None:
            chat.close()
    logging.getLogger("memoryos.test").info("the log is on")
    assert "the log is on" in caplog.text
    assert MARKED not in caplog.text.casefold()
    assert "sk-secret" not in caplog.text
