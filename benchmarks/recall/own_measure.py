"""The engine on the project's own sets: each language is one memory, asked everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

from benchmarks.recall.measure import Figures
from benchmarks.recall.metrics import auroc, refused
from benchmarks.recall.own_sets import Language
from benchmarks.recall.systems import sureness
from memoryos import Engine, Memory, MemoryConfig
from memoryos.generation.context import Recall
from memoryos.ports import Embedder

ASKED = datetime(2025, 6, 2, 12, tzinfo=timezone.utc)
"""When the questions are asked: the same in every run, whatever the clock of the machine."""
_SESSION_PAGES = 8
_APART = timedelta(hours=3)
_LOOKED_AT = 10
SETS = ("paraphrases", "followups", "unknown")


def measure(
    language: Language, embedder: Embedder, config: MemoryConfig | None = None
) -> dict[str, Figures]:
    """Return the figures of each of SETS in a language."""
    uri = "sqlite:///:memory:"
    with Engine.open(uri, config, embedder=embedder, clock=lambda: ASKED) as engine:
        ids = _fill(engine, language)
        memory = engine.memory(language.code, session_id="asking")
        memory.flush()
        answerable: list[Recall] = []
        paraphrases = _ranked(
            memory, [(pair.asked, ids[pair.said]) for pair in language.pairs], answerable
        )
        # The question before a follow-up is answered, in its own words, by the first of the others.
        plain = _ranked(
            memory,
            [(one.before[0], ids[one.others[0]]) for one in language.exchanges],
            answerable,
        )
        unknown = _unknown(memory, language, [sureness(found) for found in answerable])
        followups = _followups(engine, language, ids)
    return {
        "paraphrases": paraphrases | {"plain questions, top 1": plain["top 1"]},
        "followups": followups,
        "unknown": unknown | {"answerable that recalls something": _share(answerable, empty=False)},
    }


def _fill(engine: Engine, language: Language) -> dict[str, str]:
    """Add the pages; return the page id of each user message."""
    ids = {}
    started = ASKED - _APART * (len(language.pages) + 1)
    for number, (user, agent) in enumerate(language.pages):
        session = f"chat-{number // _SESSION_PAGES}"
        memory = engine.memory(language.code, session_id=session)
        ids[user] = memory.add(user, agent, timestamp=started + _APART * number).id
    return ids


def _ranked(
    memory: Memory, asked: Sequence[tuple[str, str]], recalled: list[Recall]
) -> dict[str, float | list[float]]:
    """Return how many questions have their page first, and among ten; note what was recalled."""
    places = []
    for question, wanted in asked:
        found = memory.recall(question, k=_LOOKED_AT)
        recalled.append(found)
        places.append(_place(found, wanted))
    return _tops(places)


def _followups(
    engine: Engine, language: Language, ids: dict[str, str]
) -> dict[str, float | list[float]]:
    """Ask each follow-up, and each piece of small talk, in a session with a turn before it."""
    places, small = [], []
    for number, exchange in enumerate(language.exchanges):
        memory = engine.memory(language.code, session_id=f"follow-up-{number}")
        before = memory.add(*exchange.before, timestamp=ASKED)
        found = memory.recall(exchange.asked, k=_LOOKED_AT + 1)
        places.append(_place(found, ids[exchange.said], without=before.id))
    for number, said in enumerate(language.small_talk):
        memory = engine.memory(language.code, session_id=f"small-talk-{number}")
        memory.add(*language.exchanges[0].before, timestamp=ASKED)
        small.append(memory.recall(said, k=_LOOKED_AT))
    return _tops(places) | {
        "small talk": len(small),
        "small talk that recalls nothing": _share(small, empty=True),
    }


def _unknown(memory: Memory, language: Language, sure: Sequence[float]) -> Figures:
    never = [memory.recall(text, k=_LOOKED_AT) for text in language.never_said]
    nonsense = [memory.recall(text, k=_LOOKED_AT) for text in language.nonsense]
    unsure = [sureness(found) for found in (*never, *nonsense)]
    return {
        "never said": len(never),
        "never said that recalls nothing": _share(never, empty=True),
        "nonsense": len(nonsense),
        "nonsense that recalls nothing": _share(nonsense, empty=True),
        "auroc": round(auroc(sure, unsure), 4),
        "refused at 95 % kept": round(refused(sure, unsure), 4),
    }


def _place(found: Recall, wanted: str, without: str = "") -> int:
    """Return the position of a page in the recall, from 0; a large number where it is not.

    without: a page that does not count, because the asker has it before their eyes.
    """
    ranked = [item.page.id for item in found.pages if item.page.id != without]
    return ranked.index(wanted) if wanted in ranked else len(ranked) + _LOOKED_AT


def _tops(places: Sequence[int]) -> dict[str, float | list[float]]:
    return {
        "questions": len(places),
        "top 1": round(sum(place < 1 for place in places) / len(places), 4),
        "top 10": round(sum(place < _LOOKED_AT for place in places) / len(places), 4),
    }


def _share(recalled: Iterable[Recall], *, empty: bool) -> float:
    """Return the share of recalls whose ranking is empty, or is not."""
    all_ = list(recalled)
    return round(sum((not found.pages) is empty for found in all_) / len(all_), 4)
