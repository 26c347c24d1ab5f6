"""Wrong uses are told in our words, with what would be right or a command that works."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from memoryos import Engine
from memoryos.errors import InvalidInput, MemoryOSError, MissingExtra, in_our_words, install_command


@pytest.mark.parametrize("uri", ["memories.db", Path("memories.db"), "./memories.db"])
def test_a_path_is_enough(uri: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Engine.open(uri) as engine:
        engine.memory("tom").add("I like tea", "")
    with Engine.open("sqlite:///memories.db") as engine:
        assert engine.memory("tom").stats().pages == 1


@pytest.mark.parametrize(
    "uri", ["postgres", "mysql://x/y.db", "localhost:5432/x.db", "tom@host/x.db", "", " ", None, 7]
)
def test_what_is_no_path_makes_no_file(
    uri: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"uri must be a file such as 'memories.db'"):
        Engine.open(uri)
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_setting_is_guessed() -> None:
    with pytest.raises(InvalidInput, match="did you mean short_term_capacity"):
        Engine.open("sqlite:///:memory:", {"short_term_capcity": 3})


@pytest.mark.parametrize(
    ("use", "told"),
    [
        (lambda m: m.add(5, "Hello"), "user_input must be a text, not int"),
        (
            lambda m: m.add("", ""),
            "user_input and agent_response are both empty: give at least one of them",
        ),
        (
            lambda m: m.add("Hi", "Hello", timestamp="yesterday"),
            "timestamp 'yesterday' is not ISO 8601 such as '2026-11-22T13:45:00+00:00'",
        ),
        (
            lambda m: m.add_many(["Hi", "Hello"]),
            "turns[0] must be (user, agent) or (user, agent, timestamp)",
        ),
        (
            lambda m: m.add_messages([{"role": "user", "content": "Hi"}]),
            "messages must be of memoryos.Message, such as Message('user', 'Hello'), not dict",
        ),
        (lambda m: m.recall(""), "query is empty: say what to recall"),
        (lambda m: m.recall("Hi", k="3"), "k must be a whole number of at least 1, not '3'"),
        (
            lambda m: m.recall("Hi", min_relevance=70),
            "min_relevance must be a number from 0 to 1, not 70",
        ),
        (
            lambda m: m.recall("Hi", where={"n": {"$gt": 1}}),
            (
                "where['n'] must be a value, a list of values, or bounds by the names gt, gte, lt, "
                "lte, not {'$gt': 1}"
            ),
        ),
        (
            lambda m: m.forget(),
            (
                "forget takes exactly one of page_id, knowledge_id, session, before and "
                "everything=True, not none"
            ),
        ),
        (lambda m: m.forget(page_id="p1"), "no page has the id 'p1' in this scope"),
        (lambda m: m.remember("Hi", owner="me"), "owner must be 'user' or 'agent', not 'me'"),
        (
            lambda m: m.knowledge(kind="facts"),
            "kind must be 'statement', 'fact' or None, not 'facts'",
        ),
    ],
)
def test_a_verb_says_what_was_wrong_and_what_would_be_right(use: Any, told: str) -> None:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        with pytest.raises(MemoryOSError) as raised:
            use(engine.memory("tom"))
        assert str(raised.value) == told
        assert engine.memory("tom").pages() == []


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"names the folder .*name a file, such as .*\.db"):
        Engine.open(tmp_path)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    capacity: int
    name: str = ""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"capacity": "many"}, "capacity must be a whole number, not a str"),
        ({"capacity": 1, "name": ["secret"]}, "name must be a text, not a list"),
        ({}, "capacity is missing"),
        ({"capacity": 1, "capasity": 2}, "there is no argument capasity: did you mean capacity?"),
    ],
)
def test_wrong_types_are_told_in_our_words(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput) as raised, in_our_words(_Form.model_fields):
        _Form(**given)
    assert str(raised.value) == told


class _Installed:
    def __init__(self, url: dict[str, Any] | None, installer: str = "pip") -> None:
        told = None if url is None else json.dumps(url)
        self._files = {"direct_url.json": told, "INSTALLER": installer}

    def read_text(self, name: str) -> str | None:
        return self._files[name]


@pytest.mark.parametrize(
    ("installed", "command"),
    [
        (_Installed(None), "pip install 'memoryos-integrations[ui]'"),
        (_Installed(None, "uv\n"), "uv pip install 'memoryos-integrations[ui]'"),
        (
            _Installed({"url": "file:///src/my%20os", "dir_info": {"editable": True}}),
            "pip install -e '/src/my os[ui]'",
        ),
        (
            _Installed({"url": "file:///src/memoryos", "dir_info": {}}),
            "pip install '/src/memoryos[ui]'",
        ),
        (
            _Installed({"url": "file:///dist/memoryos.whl", "archive_info": {}}),
            "pip install 'memoryos-integrations[ui] @ file:///dist/memoryos.whl'",
        ),
        (
            _Installed(
                {
                    "url": "https://host/memoryos.git",
                    "vcs_info": {"vcs": "git", "requested_revision": "main"},
                }
            ),
            "pip install 'memoryos-integrations[ui] @ git+https://host/memoryos.git@main'",
        ),
    ],
)
def test_a_missing_extra_names_the_command_that_works_here(
    installed: _Installed, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda _name: installed)
    assert str(MissingExtra.of("The page", "ui")) == f"The page needs an extra: {command}"


def test_in_a_checkout_it_is_the_checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert install_command("langchain") == "pip install -e '.[langchain]'"
