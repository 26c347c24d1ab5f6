"""Counting tokens: exactly where a table is at hand, else never too few.

A table is looked for in tiktoken's own cache, then in the copy that llama-index-core ships;
cl100k_base, which counts where no model is configured, is in this folder.  Only
`may_download=True` (an engine that has a chat model) lets tiktoken fetch one, behind the first
counts.  Nothing is read, imported or fetched before the first count.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

    from memoryos.ports import TokenCounter

_log = logging.getLogger(__name__)

FALLBACK_ENCODING = "cl100k_base"
"""Counts where no model is named: of the two encodings the one that gives more tokens."""

DOWNLOAD_SECONDS = 5.0
"""How long a first count waits for tiktoken's download; later counts take it up when it is done."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Where an encoding's merges are found, and how it cuts a text into words."""

    file: str
    """Name of the cached file: SHA-1 of the address that tiktoken fetches it from."""
    sha256: str
    pattern: str


# The patterns are part of what the encodings are, and are tiktoken's own (MIT licence); they stand
# here because asking tiktoken for them makes it fetch the merges as well.
_TABLES = {
    "cl100k_base": _Table(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
        r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "o200k_base": _Table(
        "fb374d419588a4632f3f557e76b4b70aebbca790",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
}

_SAME_WORDS = {"o200k_harmony": "o200k_base"}
"""Encodings that differ from another only in special tokens, which ordinary text never makes."""

_LONGEST_PART = 50_000

_lock = threading.Lock()
_loaded: dict[str, Encoding] = {}
_fetching: dict[str, threading.Thread] = {}
_warned = False


def token_counter(model: str | None, may_download: bool = False) -> TokenCounter:
    """Return a thread-safe counter of the tokens that `model` makes of a text.

    Exact for the models tiktoken knows; for no model, exact in cl100k_base where its table is at
    hand; otherwise an over-estimate.  One warning is logged when an exact count was wanted and no
    table is there.  Costs nothing before the first count.
    """
    return _Counter(model, may_download)


def estimate_tokens(text: str) -> int:
    """Return at least as many tokens as a byte-pair encoding makes of ordinary `text`.

    Rough on purpose: about two thirds too many for English prose, up to three times for others.
    """
    if not text:
        return 0
    total = 2  # a short text is the one that a single rare word can make longer than estimated
    for match in _PIECE.finditer(text):
        kind = match.lastgroup
        piece = match.group()
        if kind == "word":
            total += 1 + (len(piece) - 1) // 3 + 2 * len(_UNPRONOUNCEABLE.findall(piece))
        elif kind == "mixed":
            accented = len(piece.encode()) - len(piece)
            total += 1 + (2 * (len(piece) - accented)) // 3 + 2 * accented
        elif kind == "space":
            total += 1 + len(piece) // 16 + (len(piece) > 1)
        elif kind == "plain":
            total += len(piece)
        elif kind == "other":
            total += len(piece.encode("utf-8", "replace"))
    return total


_PIECE = re.compile(
    r"(?P<word>[A-Z]?[a-z]+(?![A-Za-z0-9\u00c0-\u024f]))"
    r"|(?P<mixed>[A-Za-z\u00c0-\u024f]+)"  # acronyms, camelCase, base64, accented letters
    r"|(?P<blank> (?=[A-Za-z]))"  # goes with the word after it
    r"|(?P<space> +)"
    r"|(?P<plain>[\x00-\x1f!-@\[-`{-\x7f]+)"  # digits, signs, line ends: at most one each
    r"|(?P<other>[^\x00-\x7f\u00c0-\u024f]+)"  # other scripts: at most one per byte
)
_UNPRONOUNCEABLE = re.compile("[b-df-hj-np-tv-zB-DF-HJ-NP-TV-Z]{4}")
"""Runs of consonants: names and abbreviations, which encodings cut into small pieces."""


def fit_tokens(text: str, limit: int, count: TokenCounter) -> str:
    """Return the longest beginning of `text` that `count` finds to be at most `limit` tokens."""
    low, high = 0, 4 * limit + 1
    while high < len(text) and count(text[:high]) <= limit:
        low, high = high, 2 * high
    if high >= len(text) and count(text) <= limit:
        return text
    high = min(high, len(text)) - 1  # so much is known not to fit
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def _parts(text: str) -> Iterator[str]:
    """Yield `text` in parts that tiktoken can take, cut before a blank if there is one near.

    A word of a million letters overflows its stack.
    """
    start = 0
    while len(text) - start > _LONGEST_PART:
        end = start + _LONGEST_PART
        blank = max(text.rfind(" ", end - 1000, end), text.rfind("\n", end - 1000, end))
        end = blank if blank > start else end
        yield text[start:end]
        start = end
    yield text[start:]


class _Counter:
    """Counts with the encoding of one model."""

    __slots__ = ("_encoding", "_may_download", "_model", "_name")

    def __init__(self, model: str | None, may_download: bool) -> None:
        self._model = model
        self._may_download = may_download
        self._name: str | None = None
        self._encoding: Encoding | None = None

    def __repr__(self) -> str:
        return f"token_counter({self._model!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return token_counter, (self._model, self._may_download)

    def __call__(self, text: str, /) -> int:
        if not text:
            return 0
        encoding = self._encoding
        if encoding is None:
            encoding = self._encoding = self._find()
        if encoding is None:
            return estimate_tokens(text)
        return sum(len(encoding.encode_ordinary(part)) for part in _parts(text))

    def _find(self) -> Encoding | None:
        if self._name is None:
            self._name = _encoding_name(self._model)
        if not self._name:
            return None
        encoding = _local(self._name)
        if encoding is None and self._model is not None:
            if self._may_download:
                encoding = _fetch(self._name)
            if encoding is None:
                _warn_once(self._name)
        return encoding


def _encoding_name(model: str | None) -> str:
    """Return the name of the model's encoding; "" where no table is exact for it."""
    if model is None:
        return FALLBACK_ENCODING
    try:
        from tiktoken.model import encoding_name_for_model  # noqa: PLC0415  # import stays cheap

        name = encoding_name_for_model(model.rpartition("/")[2])
    except (ImportError, KeyError):
        return ""
    name = _SAME_WORDS.get(name, name)
    return name if name in _TABLES else ""


def _local(name: str) -> Encoding | None:
    """Return the encoding from a table on this machine; None where there is none."""
    if name in _loaded:
        return _loaded[name]
    with _lock:
        if name not in _loaded:
            table = _TABLES[name]
            found = (_read(folder / table.file, table.sha256) for folder in _folders())
            merges = next((each for each in found if each is not None), None) or _shipped(name)
            if merges is not None:
                from tiktoken import Encoding  # noqa: PLC0415  # import stays cheap

                _loaded[name] = Encoding(
                    name, pat_str=table.pattern, mergeable_ranks=merges, special_tokens={}
                )
        return _loaded.get(name)


def _shipped(name: str) -> dict[bytes, int] | None:
    """Return the merges of a table that this package ships; None for another."""
    path = Path(__file__).with_name(f"{name}.gz")
    return _merges(gzip.decompress(path.read_bytes())) if path.is_file() else None


def _folders() -> Iterator[Path]:
    """Yield where tables may lie: tiktoken's own cache, and the one llama-index-core ships."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if folder := os.environ.get(variable):
            yield Path(folder)
    yield Path(tempfile.gettempdir()) / "data-gym-cache"
    spec = importlib.util.find_spec("llama_index")  # a namespace package: nothing is imported
    for parent in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(parent) / "core" / "_static" / "tiktoken_cache"


def _read(path: Path, sha256: str) -> dict[bytes, int] | None:
    """Return the merges in a table file; None if it is missing, unreadable or not that table."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    return _merges(data)


def _merges(data: bytes) -> dict[bytes, int]:
    """Return the merges of a table in tiktoken's form: a token in base64 and its rank a line."""
    pairs = (line.split() for line in data.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def _fetch(name: str) -> Encoding | None:
    """Let tiktoken download the table in a thread of its own; None while it is not there.

    tiktoken sets no time limit on its request: a network that swallows packets must not hold up
    the caller for minutes.
    """
    with _lock:
        thread = _fetching.get(name)
        started = thread is None
        if thread is None:
            thread = threading.Thread(
                target=_download, args=(name,), name=f"memoryos-tiktoken-{name}", daemon=True
            )
            _fetching[name] = thread
            thread.start()
    if started:
        thread.join(DOWNLOAD_SECONDS)
    return _loaded.get(name)


def _download(name: str) -> None:
    try:
        from tiktoken import get_encoding  # noqa: PLC0415  # import stays cheap

        encoding = get_encoding(name)
    except Exception as error:  # noqa: BLE001  # requests, disk and hash errors of every kind
        _log.debug("tiktoken could not fetch %s: %s", name, type(error).__name__)
    else:
        _loaded[name] = encoding


def _warn_once(name: str) -> None:
    global _warned  # noqa: PLW0603  # once per process
    if not _warned:
        _warned = True
        _log.warning(
            "tiktoken's table %s is not on this machine: token counts are over-estimates. "
            "Install llama-index-core, which ships it, or set TIKTOKEN_CACHE_DIR to where it is.",
            name,
        )
