"""What was forgotten is nowhere: not in the database, its log, the index, nor in any other form."""

from __future__ import annotations

import logging
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, MemoryConfig
from memoryos.memory import Memory
from memoryos.stores.sqlite import SQLiteStore
from memoryos.tiers.text import page_terms, tokens

NOON = datetime(2025, 6, 1, 12, tzinfo=timezone.utc)
CONFIG = MemoryConfig(promotion="manual", short_term_capacity=3, heat_threshold=3.0)
SYLLABLES = (
    "bra cle dro fle gru kli pra sto tri vlo zwe qua xor yun wex jov nym hup lef mod".split()
)


def marker(user: int, number: int) -> str:
    """Return a word that nobody else says, not like any other marker."""
    parts = [SYLLABLES[(number // 20**place) % 20] for place in range(2)]
    return f"{'tom ann eva'.split()[user]}{SYLLABLES[user]}{''.join(parts)}{number:03d}"


def dialogue(user: int, words: list[str]) -> Iterator[tuple[str, str, datetime]]:
    """Yield turns that say each word in a way that the rules learn from."""
    ways = (
        "My name is {0} and I live in {1}.",
        "I love {0} and I hate {1}.",
        "I work as a {0} at {1}.",
        "My sister {0} moved to {1}.",
        "Tell me about {0} and {1} please.",
    )
    for number in range(0, len(words), 4):
        one, two, three, four = words[number : number + 4]
        said = ways[number // 4 % len(ways)].format(one.capitalize(), two.capitalize())
        yield said, f"About {three} and {four}, sure.", NOON + timedelta(minutes=number + user)


def everything_said(root: Path) -> bytes:
    """Return the bytes of every file there is."""
    return b"\n".join(file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file())


def forms(word: str) -> list[bytes]:
    """Return all the forms in which a word may be stored."""
    texts = {word, word.capitalize(), word.upper(), *tokens(word)}
    found = [form for text in texts for form in (text.encode(), text.encode("utf-16-le"))]
    # Terms are hashed to numbers of four bytes; short of a few that coincide they are the word.
    return [*found, *term_ids(word)]


def term_ids(word: str) -> list[bytes]:
    packed = page_terms(word)
    assert len(packed) % 4 == 0
    return [packed[start : start + 4] for start in range(0, len(packed), 4) if len(packed) == 8][:1]


@contextmanager
def opened(root: Path, **settings: Any) -> Iterator[Engine]:
    config = {
        **{"promotion": "manual", "short_term_capacity": 3, "heat_threshold": 3.0},
        **settings,
    }
    with Engine.open(f"sqlite:///{root / 'memories.db'}", config, clock=lambda: NOON) as engine:
        yield engine
