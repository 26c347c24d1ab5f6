"""Config files, environment and the blocks for clients."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memoryos.errors import InvalidInput
from memoryos_integrations.mcp.cli import main
from memoryos_integrations.mcp.settings import load

KEY = "sk-secret"


def test_the_published_config_works_unchanged(
    write_config: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(write_config(), {})
    assert (settings.user_id, settings.assistant_id) == ("tom", "helper")
    assert settings.allow_user_id is False
    with settings.open() as engine:
        assert engine.chat_model is None
        assert engine.config.short_term_capacity == 3
        assert engine.config.mid_term_capacity == 2000
        assert engine.config.top_pages == 7
        assert engine.config.promotion == "background"
    assert (tmp_path / "memoryos_data" / "memoryos.db").exists()


def test_no_config_at_all_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {"OPENAI_API_KEY": KEY})
    assert (settings.user_id, settings.assistant_id) == ("me", "assistant")  # as `memoryos add`
    with settings.open() as engine:
        assert engine.chat_model is None  # a key that happens to be there is no wish for a model
    assert (tmp_path / "memoryos.db").exists()


@pytest.mark.parametrize(
    ("option", "file", "environment", "where"),
    [
        (None, None, {"MEMORYOS_DB": "e.db"}, "e.db"),
        ("o.db", None, {"MEMORYOS_DB": "e.db"}, "o.db"),
        ("o.db", {"data_storage_path": "f"}, {}, "o.db"),
        (None, {"data_storage_path": "f"}, {"MEMORYOS_DB": "e.db"}, "f/memoryos.db"),
        (None, {"db": "f.db"}, {"MEMORYOS_DATA_STORAGE_PATH": "e"}, "f.db"),
        (None, None, {"MEMORYOS_DB": "e.db", "MEMORYOS_DATA_STORAGE_PATH": "e"}, "e.db"),
    ],
)
def test_where_the_database_is(
    option: str | None,
    file: dict[str, str] | None,
    environment: dict[str, str],
    where: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    config = None
    if file is not None:
        config = tmp_path / "config.json"
        config.write_text(json.dumps(file))
    load(config, environment, option).open().close()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.db")] == [where]


@pytest.mark.parametrize(
    ("config", "environment", "key"),
    [
        ({"openai_api_key": ""}, {"OPENAI_API_KEY": KEY}, ""),
        ({"openai_api_key": None}, {"OPENAI_API_KEY": KEY}, KEY),
        ({"openai_api_key": None}, {"MEMORYOS_OPENAI_API_KEY": KEY}, KEY),
        ({"openai_api_key": KEY}, {"OPENAI_API_KEY": "other"}, KEY),
        (None, {"MEMORYOS_LLM_MODEL": "m", "OPENAI_API_KEY": KEY}, KEY),
        (None, {"OPENAI_API_KEY": KEY}, None),
    ],
)
def test_where_the_key_comes_from(
    write_config: Callable[..., Path],
    config: dict[str, Any] | None,
    environment: dict[str, str],
    key: str | None,
) -> None:
    path = None if config is None else write_config(**config)
    assert load(path, environment).published.get("openai_api_key") == key


def test_the_environment_fills_what_the_file_leaves_out() -> None:
    settings = load(
        None,
        {
            "MEMORYOS_USER_ID": "ann",
            "MEMORYOS_ALLOW_USER_ID": "true",
            "MEMORYOS_SHORT_TERM_CAPACITY": "5",
            "MEMORYOS_DATA_STORAGE_PATH": "/data",
            "MEMORYOS_TIMEOUT": "7.5",
            "MEMORYOS_LLM_MODEL_KWARGS": '{"seed": 3}',
        },
    )
    assert settings.published["timeout"] == 7.5
    assert settings.published["llm_model_kwargs"] == {"seed": 3}
    assert (settings.user_id, settings.allow_user_id) == ("ann", True)
    assert (settings.data_storage_path, settings.published["short_term_capacity"]) == ("/data", 5)
    with pytest.raises(InvalidInput, match="MEMORYOS_SHORT_TERM_CAPACITY"):
        load(None, {"MEMORYOS_SHORT_TERM_CAPACITY": "many"})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"db": "m.db"}, "db and data_storage_path"),
        ({"user_id": ["tom"]}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"allow_user_id": "yes"}, "allow_user_id"),
        ({"user_tokens": "secret"}, "user_tokens"),
        ({"user_tokens": {"secret": 5}}, "user_tokens"),
        ({"user_tokens": {" ": "tom"}}, "user_tokens"),
        ({"user_tokens": {"secret": "tom"}, "allow_user_id": True}, "allow_user_id"),
        ({"user_header": "X-User", "allow_user_id": True}, "allow_user_id"),
        ({"openai_api_key": 5}, "openai_api_key"),
        ({"llm_model": ["m"]}, "llm_model"),
        ({"short_term_capacity": 0}, "short_term_capacity"),
        ({"mid_term_heat_threshold": "hot"}, "mid_term_heat_threshold"),
        ({"timeout": "long", "openai_api_key": KEY}, "timeout"),
        ({"llm_model_kwargs": "seed"}, "llm_model_kwargs"),
    ],
)
def test_a_wrong_setting_is_named(
    write_config: Callable[..., Path], changed: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = write_config(data_storage_path=str(tmp_path / "data"), **changed)
    with pytest.raises(InvalidInput, match=says):
        load(path, {}).open()


def test_a_file_that_is_no_config_says_so(tmp_path: Path) -> None:
    for text in ("", '{"user_id": "tom" "llm_model": "m"}', "[]", "\x00"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(InvalidInput, match="config"):
            load(tmp_path / "config.json", {})
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path / "none.json", {})


def test_a_setting_of_others_is_passed_over(
    write_config: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "memoryos.mcp"):
        load(write_config(llm_provider="gemini"), {})
    assert "llm_provider" in caplog.text


@pytest.mark.parametrize("client", ["cline", "cursor", "claude"])
def test_the_block_for_a_client(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--print-config", client, "--config", "config.json"])
    block = json.loads(capsys.readouterr().out)["mcpServers"]["memoryos"]
    assert block["command"] == sys.executable
    assert block["args"][:2] == ["-m", "memoryos_integrations.mcp"]
    assert Path(block["args"][3]) == Path("config.json").resolve()


def test_the_block_names_the_database_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEMORYOS_DB", raising=False)
    for arguments, named in (
        ([], str(tmp_path / "memoryos.db")),
        (["--db", "mine.db"], str(tmp_path / "mine.db")),
        (["--db", "postgresql://host/db"], "postgresql://host/db"),
    ):
        main(["--print-config", "claude", *arguments])
        block = json.loads(capsys.readouterr().out)["mcpServers"]["memoryos"]
        assert block["args"][2:] == ["--db", named]


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "memoryos_integrations.mcp", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_config_that_cannot_work_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SystemExit) as ended:
        main(["--config", str(tmp_path / "config.json")])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "not JSON" in printed.err


def test_other_machines_need_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["--http", "--host", "0.0.0.0"])
    assert ended.value.code == 2
    assert "MEMORYOS_MCP_TOKEN" in capsys.readouterr().err


def test_help_and_version(environment: dict[str, str]) -> None:
    assert "--print-config" in run(environment, "--help").stdout
    assert "memoryos-integrations" in run(environment, "--version").stdout


def test_a_database_that_cannot_be_opened_ends_with_one_line(
    environment: dict[str, str], tmp_path: Path, write_config: Callable[..., Path]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "memoryos.db").write_bytes(b"something else, long enough " * 100)
    config = write_config(data_storage_path=str(tmp_path / "data"))
    quiet = {**environment, "PYTHONWARNINGS": "ignore"}  # the SDK leaves streams open when it fails
    for more in ((), ("--http", "--port", "0")):
        done = run(quiet, "--config", str(config), *more)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert "not a MemoryOS database" in done.stderr
