"""The pages, questions and vectors that everyone is measured on.

Turns of LoCoMo, paired anew at random, so that a hundred thousand pages differ from one another;
the text stays where it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memoryos.embedders import HashingEmbedder

DIMENSION = 384
DATA = Path("locomo10.json")
"""LoCoMo's file in the folder of whoever measures; `--data` names another place."""

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Turn:
    """What is added: both sides of a page."""

    user: str
    agent: str

    @property
    def text(self) -> str:
        """The page as the engine embeds it, and as the others are given it."""
        return f"{self.user}\n{self.agent}"


class Corpus:
    """Any number of pages from LoCoMo's turns; the same for the same seed."""

    def __init__(self, path: Path, seed: int) -> None:
        dialogues: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        self.seed = seed
        self.conversations = [_sessions(dialogue) for dialogue in dialogues]
        """Each a list of sessions, as they were spoken."""
        sides = [turn for talk in self.conversations for session in talk for turn in session]
        self._users = [turn.user for turn in sides]
        self._agents = [turn.agent for turn in sides if turn.agent]
        self.questions = [
            item["question"] for d in dialogues for item in d["qa"] if item["category"] < 5
        ]
        random.Random(seed).shuffle(self.questions)

    def pages(self, count: int, part: int = 0) -> list[Turn]:
        """Return `count` pages that differ from one another; another `part` has others."""
        chance = random.Random(f"{self.seed}-{part}")
        pages: dict[Turn, None] = {}
        while len(pages) < count:
            pages[Turn(chance.choice(self._users), chance.choice(self._agents))] = None
        return list(pages)

    def embedder(self) -> PrecomputedEmbedder:
        """Return an embedder that has the vectors of all turns and questions at hand."""
        return PrecomputedEmbedder([*self._users, *self._agents, *self.questions])


def _sessions(dialogue: dict[str, Any]) -> list[list[Turn]]:
    found = []
    for name, turns in dialogue["conversation"].items():
        if name.startswith("session_") and isinstance(turns, list):
            said = [f"{turn['speaker']}: {turn['text']}".replace("\n", " ") for turn in turns]
            found.append(
                [Turn(*pair) for pair in zip_longest(said[0::2], said[1::2], fillvalue="")]
            )
    return found


class PrecomputedEmbedder:
    """Vectors made beforehand: of a page, the mean of its two turns'. Thread-safe.

    Spelling's vectors (`HashingEmbedder`): what a model's cost is no different to anyone who stores
    and compares them.
    """

    name = "precomputed-384"
    dimension = DIMENSION

    def __init__(self, texts: Sequence[str]) -> None:
        self._rows = HashingEmbedder(DIMENSION).embed_documents(texts)
        self._row_of = {text: row for row, text in enumerate(texts)}

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return (n, 384) unit vectors."""
        places = np.array([self._places(text) for text in texts], np.intp).reshape(-1, 2)
        sums = self._rows[places[:, 0]] + self._rows[places[:, 1]]
        norms = np.sqrt(np.einsum("ij,ij->i", sums, sums))
        return np.asarray(sums / np.maximum(norms, 1e-6)[:, np.newaxis], np.float32)

    def embed_query(self, text: str) -> Vectors:
        """Return the (384,) unit vector of a text; of one never seen, somebody else's."""
        row = self._row_of.get(text)
        return self.embed_documents([text])[0] if row is None else self._rows[row]

    def _places(self, text: str) -> tuple[int, int]:
        """Return the rows whose mean a text's vector is."""
        row = self._row_of.get(text)
        if row is not None:
            return row, row
        first, _, second = text.partition("\n")
        other = len(text) % len(self._rows)
        return self._row_of.get(first, other), self._row_of.get(second or first, other)
