"""Every error this library raises on purpose.

    MemoryOSError
    ├── InvalidInput            an argument is wrong: the message names it and what would be right
    │   └── UnknownSetting      a configuration name or value that does not exist
    ├── NotFound                an id that this scope does not hold
    ├── StorageError            the database could not do what was asked
    │   ├── NotADatabase        the file is something else
    │   ├── SchemaTooNew        written by a newer version of this library
    │   ├── StorageReadOnly     the folder, file or server refuses writes
    │   ├── StorageFull         no room left on the device
    │   ├── StorageBusy         a lock was not given in time; trying again is safe
    │   └── EmbedderMismatch    the store holds vectors of another embedder: `rebuild`
    ├── EngineClosed            the engine was closed before the call
    ├── ModelError              a language or embedding model did not give a usable answer
    │   ├── ModelUnavailable    unreachable, timed out, throttled or the key refused; may work later
    │   ├── ModelAnswerInvalid  it answered, but not in the form that was asked for
    │   ├── ModelRefused        it, its provider's filter or its endpoint refused this text
    │   └── ContextOverflow     the prompt is longer than the model's context window
    └── MissingExtra            an optional dependency is not installed; names the extra

An error's docstring is its default message.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

_DISTRIBUTION = "memoryos-integrations"


class MemoryOSError(Exception):
    """MemoryOS could not do what was asked."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0])


class InvalidInput(MemoryOSError, ValueError):
    """An argument is not usable."""


class UnknownSetting(InvalidInput):
    """A setting of that name or value does not exist."""


class NotFound(MemoryOSError, LookupError):
    """This scope holds nothing with that id."""


class StorageError(MemoryOSError):
    """The memory store could not do what was asked."""


class NotADatabase(StorageError):
    """The file is not a MemoryOS database; choose another path or move the file away."""


class SchemaTooNew(StorageError):
    """The database was written by a newer version; upgrade memoryos-integrations to open it."""


class StorageReadOnly(StorageError):
    """The memory store cannot be written; check the permissions of the file and its folder."""


class StorageFull(StorageError):
    """No space is left on the device; nothing of this call was stored. Free some and try again."""


class StorageBusy(StorageError):
    """The memory store did not give its lock in time; nothing was stored, trying again is safe."""


class EmbedderMismatch(StorageError):
    """The store holds vectors of another embedder; open it with that one or run `rebuild`."""

    @classmethod
    def of(cls, stored: Any, given_name: str) -> EmbedderMismatch:
        """Return the error for the embedder that a store records and the name of the one given."""
        return cls(
            f"the store's vectors were made by {stored.name!r} ({stored.dimension} dimensions), "
            f"the engine was given embedder={given_name!r}: open it with the former, "
            "or run `memoryos rebuild` to embed everything again"
        )


class EngineClosed(MemoryOSError):
    """The engine is closed; open a new one with Engine.open(...)."""


class ModelError(MemoryOSError):
    """The model did not give a usable answer."""

    permanent: ClassVar[bool] = False
    """Whether the same request to the same model would fail again.

    False: try later as it is.  True: change the request (halve it, leave something out).
    """
    usage: Any = None
    """The `ports.TokenUsage` of the calls that led here; None: one call that reported nothing."""


class ModelUnavailable(ModelError):
    """The model could not be reached or refused the call."""

    timed_out: bool = False
    """Whether the model did not answer in time: a shorter request may work."""

    def __init__(self, message: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which a call may work again, where that is known."""


class ModelAnswerInvalid(ModelError):
    """The model answered, but not in the form that was asked for."""

    permanent = True


class ModelRefused(ModelError):
    """The model, its provider's content filter or its endpoint refused this request."""

    permanent = True


class ContextOverflow(ModelError):
    """The prompt is longer than the model's context window."""

    permanent = True

    def __init__(self, message: str | None = None, window: int | None = None) -> None:
        super().__init__(message)
        self.window = window
        """Tokens of prompt and answer together that the model takes, where the endpoint told it."""


class MissingExtra(MemoryOSError, ImportError):
    """An optional dependency is not installed."""

    @classmethod
    def of(cls, what: str, extra: str) -> MissingExtra:
        """Return the error for `what`, which needs the distribution's extra `extra`."""
        return cls(f"{what} needs an extra: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Return the command that adds an extra to this installation, where it came from.

    A checkout is named by its path ("." where one stands in it), an archive or repository by its
    URL; otherwise the package came from an index, which is asked again.
    """
    try:
        installed = metadata.distribution(_DISTRIBUTION)
    except metadata.PackageNotFoundError:  # a checkout on the path
        return f"pip install -e {_quoted(Path(__file__).parents[2], extra)}"
    pip = "uv pip" if (installed.read_text("INSTALLER") or "").strip() == "uv" else "pip"
    came = json.loads(installed.read_text("direct_url.json") or "{}")
    url, folder = str(came.get("url", "")), came.get("dir_info")
    if folder is not None and url.startswith("file://"):
        editable = "-e " if folder.get("editable") else ""
        return f"{pip} install {editable}{_quoted(_path_of(url), extra)}"
    if "vcs_info" in came:
        revision = came["vcs_info"].get("requested_revision")
        url = f"{came['vcs_info']['vcs']}+{url}" + (f"@{revision}" if revision else "")
    at = f" @ {url}" if url else ""
    return f"{pip} install '{_DISTRIBUTION}[{extra}]{at}'"


def _path_of(url: str) -> Path:
    """Return the path of a file URL (here and not with urllib: this module reaches no network)."""
    quoted = url.removeprefix("file://").encode()
    path = re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes([int(code[1], 16)]), quoted).decode()
    return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)  # /C:/folder is C:/folder


def _quoted(folder: Path, extra: str) -> str:
    return f"'{'.' if folder == Path.cwd() else folder}[{extra}]'"


_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "True or False",
    "list": "a list",
    "dict": "a mapping",
}


@contextmanager
def in_our_words(known: Iterable[str] = ()) -> Iterator[None]:
    """Raise InvalidInput, naming the arguments, in place of pydantic's ValidationError.

    Args:
        known: the arguments there are, to say which one a mistyped name meant.
    """
    try:
        yield
    except ValueError as error:
        problems = getattr(error, "errors", None)
        if problems is None or isinstance(error, MemoryOSError):
            raise
        told = [_told(problem, list(known)) for problem in problems(include_url=False)]
        raise InvalidInput("; ".join(told)) from None


def _told(problem: dict[str, Any], known: list[str]) -> str:
    """Say what pydantic says of one argument, without its value: that may be a secret."""
    name = ".".join(map(str, problem["loc"])) or "the argument"
    kind = problem["type"]
    if kind == "missing":
        return f"{name} is missing"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        return f"there is no argument {name}" + (f": did you mean {near[0]}?" if near else "")
    if kind == "literal_error":
        return f"{name} must be {problem['ctx']['expected']}"
    wanted = _WANTED.get(kind.rpartition("_")[0])
    if wanted is not None:
        return f"{name} must be {wanted}, not {_article(type(problem['input']).__name__)}"
    message = str(problem["msg"])
    return f"{name}: {message[:1].lower()}{message[1:]}"


def _article(kind: str) -> str:
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"
