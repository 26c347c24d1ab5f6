"""The server's settings: the published server's config file, the environment, or nothing at all."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.frontends.compat import PUBLISHED_DEFAULTS, open_at, open_published
from memoryos_integrations.mcp.clients import DEFAULT_DB

_log = logging.getLogger("memoryos.mcp")

DEFAULT_USER = "me"
DEFAULT_ASSISTANT = "assistant"
_OWN: Mapping[str, type] = {
    "user_id": str,
    "db": str,
    "data_storage_path": str,
    "session_id": str,
    "allow_user_id": bool,
    "user_tokens": dict,
    "user_header": str,
}
_PLACES = {"db", "data_storage_path"}
_IDS = ("user_id", "assistant_id", "session_id")
_TEXTS = ("openai_api_key", "openai_base_url", "assistant_id", "llm_model", "embedding_model_name")
_KNOWN = {*_OWN, *PUBLISHED_DEFAULTS, "openai_api_key"}


@dataclass(frozen=True)
class Settings:
    """What the server runs on."""

    user_id: str = DEFAULT_USER
    assistant_id: str = PUBLISHED_DEFAULTS["assistant_id"]
    session_id: str = "default"
    db: str = DEFAULT_DB
    """A file, or a URI such as postgresql://…"""
    data_storage_path: str | None = None
    """The published server's: a folder that holds memoryos.db. None: `db` says where."""
    allow_user_id: bool = False
    user_tokens: Mapping[str, str] = field(default_factory=dict)
    """For HTTP: bearer token → the user whose memory it opens."""
    user_header: str | None = None
    """For HTTP: the header in which a proxy names the user."""
    published: Mapping[str, Any] = field(default_factory=dict)
    """The published package's settings: models, capacities, thresholds."""

    def open(self) -> Engine:
        """Open the engine, with a background worker. Raises InvalidInput, StorageError."""
        if self.data_storage_path is not None:
            return open_published(self.data_storage_path, self.published, promotion="background")
        uri = self.db if "://" in self.db else f"sqlite:///{Path(self.db).expanduser()}"
        return open_at(uri, self.published, promotion="background")

    def shown(self) -> dict[str, Any]:
        """Return all settings, as memoryos://config shows them."""
        return {
            **self._place(),
            **{
                name: self.published.get(name, PUBLISHED_DEFAULTS.get(name))
                for name in _shown_names()
            },
        }

    def _place(self) -> dict[str, str]:
        if self.data_storage_path is not None:
            return {"data_storage_path": self.data_storage_path}
        scheme, sign, _ = self.db.rpartition("://")  # what follows may hold a password
        return {"db": f"{scheme}://…" if sign else self.db}


def load(
    path: str | Path | None,
    environment: Mapping[str, str] | None = None,
    db: str | None = None,
) -> Settings:
    """Return the settings of a config file (None: none) and the environment.

    db: what `--db` names; it goes before what file and environment say of the place.

    MEMORYOS_<NAME> stands for a setting that the file does not have. So does OPENAI_API_KEY, where
    a file or MEMORYOS_LLM_MODEL says that there is to be a model; an empty key in the file means
    no model, whatever the environment. Raises InvalidInput naming the file, line or setting.
    """
    outside = os.environ if environment is None else environment
    given = {} if path is None else _read(Path(path).expanduser())
    for name in sorted(given.keys() - _KNOWN):
        _log.warning("the config has a setting %r that means nothing here", name)
    values = {name: value for name, value in given.items() if name in _KNOWN and value is not None}
    if db is not None:
        values = {**values, "db": db}
        values.pop("data_storage_path", None)
    elif values.keys() >= _PLACES:
        raise InvalidInput("the config names both db and data_storage_path: leave one of them out")
    placed = _PLACES if _PLACES & values.keys() else set()
    for name in _KNOWN - values.keys() - placed:
        value = outside.get(f"MEMORYOS_{name.upper()}")
        if value is not None:
            values[name] = _of_text(name, value)
    if values.keys() >= _PLACES:  # both of the environment
        del values["data_storage_path"]
    if path is None:
        values.setdefault("assistant_id", DEFAULT_ASSISTANT)
    if path is not None or "llm_model" in values:
        for name in ("openai_api_key", "openai_base_url"):
            if name not in values and outside.get(name.upper()):
                values[name] = outside[name.upper()]
    return _checked(values)


def _checked(values: dict[str, Any]) -> Settings:
    for name in _IDS:
        if isinstance(values.get(name), int) and not isinstance(values[name], bool):
            values[name] = str(values[name])
    for name, kind in (*_OWN.items(), *((name, str) for name in _TEXTS)):
        if name in values and not isinstance(values[name], kind):
            wanted = {bool: "true or false", dict: "an object"}.get(kind, "a text")
            raise InvalidInput(f"the setting {name} must be {wanted}, not {_kind(values[name])}")
    own = {name: values[name] for name in (*_OWN, "assistant_id") if name in values}
    for name, value in own.items():
        if value == "":
            raise InvalidInput(f"the setting {name} is empty")
    _check_users(own)
    own["published"] = {name: value for name, value in values.items() if name not in _OWN}
    return Settings(**own)


def _check_users(own: Mapping[str, Any]) -> None:
    for token, user in own.get("user_tokens", {}).items():
        if not token.strip() or not isinstance(user, str) or not user.strip():
            raise InvalidInput('the setting user_tokens must be like {"a long random text": "tom"}')
    if own.get("allow_user_id") and ("user_tokens" in own or "user_header" in own):
        raise InvalidInput(
            "the setting allow_user_id lets a call name any user: not together with user_tokens "
            "or user_header, which say whose the call is"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"the config {str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the config {str(path)!r} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput(f"the config {str(path)!r} must be a JSON object, not {_kind(found)}")
    return found


def _of_text(name: str, value: str) -> Any:
    """Return a setting that the environment gives as text."""
    usual: Any = {"allow_user_id": False, "user_tokens": {}}.get(name)
    if name.endswith("_kwargs"):
        usual = {}
    if usual is None:
        usual = PUBLISHED_DEFAULTS.get(name, "")
    if isinstance(usual, str) or usual is None:
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InvalidInput(
            f"MEMORYOS_{name.upper()} must be like {usual!r}, not {value!r}"
        ) from None


def _kind(value: object) -> str:
    """Name what was given without showing it: it may be a key."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "null")


def _shown_names() -> list[str]:
    return ["openai_api_key", *(name for name in PUBLISHED_DEFAULTS if name != "assistant_id")]
