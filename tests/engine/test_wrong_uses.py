"""Wrong uses are told in our words, with what would be right or a command that works."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from memoryos import Engine
from memoryos.errors import InvalidInput, MissingExtra, in_our_words, install_command


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
