"""Figures of what people do: long answers, filters, forgetting."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from benchmarks.speed.bounds import Flat, FullText
from benchmarks.speed.corpus import Turn
from benchmarks.speed.figures import Figure, ratio
from benchmarks.speed.own import EngineSubject
from benchmarks.speed.run import Run
from benchmarks.speed.subject import disk_of
from benchmarks.speed.timing import in_turns, seconds_of
from memoryos import Engine
from memoryos.embedders import StaticEmbedder
from memoryos.storage.journal import passage_texts

_LONG = 4200
"""Characters of a long answer; so long are those of BEAM's chats."""
_START = datetime(2024, 1, 1, tzinfo=timezone.utc)
_CODE = "```python\nfor day in range(7):\n    print(plan[day], budget - spent[day])\n```"


def long_turns(run: Run, pages: int) -> list[Figure]:
    """Take in and ask for assistant-length turns, beside FTS5 and FAISS over the same passages."""
    turns = [_answered(turn, number) for number, turn in enumerate(run.corpus.pages(pages, 5))]
    embedder = StaticEmbedder()
    with run.folder() as where:
        (where / "own").mkdir()
        engine = Engine.open(where / "own" / "memories.db", {"promotion": "manual"})
        memory = engine.memory("tom", session_id="talk")
        updater = engine.modules.consolidator._updater  # noqa: SLF001  # as own.embed
        both = [(turn.user, turn.agent) for turn in turns]

        def take() -> None:
            memory.add_many(both)
            updater.embed(memory.scope)

        mine = seconds_of(take)
        texts = [text for page in memory.pages() for text in passage_texts(page)]
        passages = [Turn(text, "") for text in texts]
        text, flat = FullText(where / "fts.db"), Flat(embedder)
        other = seconds_of(lambda: text.fill(passages)) + seconds_of(lambda: flat.fill(passages))
        asked = run.corpus.questions
        recall = memory.session("question").recall
        times = in_turns(
            {
                "mine": lambda i: recall(asked[i % len(asked)]),
                "text": lambda i: text.recall(asked[i % len(asked)]),
                "flat": lambda i: flat.recall(asked[i % len(asked)]),
            },
            times=100,
        )
        memory.flush()
        engine.close()
        disk = disk_of(where / "own") / len(passages)
        text.close()
    kilobytes = sum(len(turn.text) for turn in turns) / 1000
    bound = times["text"].p50 + times["flat"].p50
    told = f"{disk:,.0f} bytes; {len(passages):,} passages of {kilobytes:,.0f} KB, all of it filed"
    return [
        ratio("long turns: taken in, per KB / FTS5 + FAISS", 1.0,
              mine / kilobytes * 1e3, other / kilobytes * 1e3),
        ratio(f"long turns: recall of {pages:,} / FTS5 + FAISS", 1.0, times["mine"].p50, bound),
        Figure("long turns: disk per passage, in KB", 1.3, disk / 1000, told),
    ]  # fmt: skip


def _answered(turn: Turn, number: int) -> Turn:
    """Return a turn whose answer is as long as an assistant's, made of its own words."""
    chance = random.Random(number)
    words = f"{turn.user} {turn.agent}".split()
    parts: list[str] = []
    while sum(map(len, parts)) < _LONG:
        kind = chance.randrange(6)
        said = " ".join(chance.choices(words, k=chance.randint(25, 90))).capitalize()
        heading, bullet = f"## {said[:40]}", f"- {said}"
        parts.append((said, said, said, heading, bullet, _CODE)[kind])
    return Turn(turn.user, "\n\n".join(parts))


def filters(run: Run, size: int) -> list[Figure]:
    """Recall with a filter that nobody asked before, beside a recall without one."""
    asked = run.corpus.questions
    news: dict[str, Callable[[int], Mapping[str, Any]]] = {
        "session": lambda i: {"session_id": f"s{i % 40}"},
        "time": lambda i: {"since": _START + timedelta(hours=i), "before": _day(400 + i)},
        "metadata": lambda i: {"number": {"gte": i, "lt": size // 4 + i}},
    }
    with run.folder() as where:
        own = EngineSubject(where / "own", run.embedder)
        for number, page in enumerate(run.corpus.pages(size)):
            own.engine.memory("tom", session_id=f"s{number % 40}").add(
                page.user, page.agent, _START + timedelta(hours=number), {"number": number}
            )
        own.embed()
        memory = own.engine.memory("tom", session_id="question")
        found = in_turns(
            {
                "": lambda i: memory.recall(asked[i % len(asked)]),
                **{
                    name: partial(_filtered, memory.recall, asked, where_of)
                    for name, where_of in news.items()
                },
            },
            times=40,
        )
        own.close()
    return [
        ratio(f"recall by {name} at {size:,} / unfiltered", 1.5, found[name].p50, found[""].p50)
        for name in news
    ]


def _day(number: int) -> datetime:
    return _START + timedelta(days=number)


def _filtered(
    recall: Callable[..., object],
    asked: list[str],
    where_of: Callable[[int], Mapping[str, Any]],
    number: int,
) -> None:
    recall(asked[number % len(asked)], where=where_of(number))


def forgetting(run: Run, size: int) -> list[Figure]:
    """Forget a page of a small and of a large memory, all of it filed."""
    times: dict[int, float] = {}
    for count in (100, size):
        with run.folder() as where:
            own = run.filled(where / "own", count)
            own.memory.flush()
            ids = [page.id for page in own.memory.pages(limit=9)]
            own.memory.forget(page_id=ids[0])
            taken = sorted(seconds_of(partial(own.memory.forget, page_id=i)) for i in ids[1:])
            times[count] = taken[len(taken) // 2] * 1000
            own.close()
    return [ratio(f"forget of one page at {size:,} / at 100", 3.0, times[size], times[100])]
