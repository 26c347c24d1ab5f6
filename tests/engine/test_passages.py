"""Long turns: their passages are what is found and shown, and a filter narrows all that is."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.memory.memory import Memory

START = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)
STEPS = [
    f"## Step {n}\n\nThe part number {n} of the plan deals with paint and takes {n} hours. It is "
    "told at some length here, so that the answer is far longer than any passage can be. Whoever "
    "follows the plan will want to look at each part by itself and to think it over.\n\n"
    for n in range(1, 13)
]
HINGES = "The hinges come from Aldeburgh, where a smith makes them.\n\n"
CODE = "```python\n" + "".join(f"roof.append(zinc_sheet_{n})\n" for n in range(12)) + "```\n\n"
ANSWER = "".join([*STEPS[:6], HINGES, *STEPS[6:], CODE])


@pytest.fixture
def memory() -> Memory:
    engine = Engine.open("sqlite:///:memory:", {"promotion": "manual"})
    memory = engine.memory("tom")
    memory.add("My dog is called Rex.", "A fine name.", timestamp=START)
    memory.add("How do I rebuild the shed?", ANSWER, timestamp=START + timedelta(hours=1))
    memory.add("I like tea.", "So do I.", timestamp=START + timedelta(days=1))
    memory.flush()
    return engine.memory("tom", session_id="asking")


def test_the_passage_that_answers_comes_first(memory: Memory) -> None:
    first = memory.recall("Where do the hinges come from?").pages[0]
    best = first.passages[0]
    assert HINGES.strip() in best.text
    assert first.page.agent_response[best.start : best.end] == best.text
    assert (best.side, len(best.text) < 500) == ("agent", True)
    assert len({passage.start for passage in first.passages if passage.side == "agent"}) > 8
    scores = [passage.score for passage in first.passages]
    assert scores == sorted(scores, reverse=True)


def test_a_short_turn_is_one_passage_of_both_sides(memory: Memory) -> None:
    first = memory.recall("What is my dog called?").pages[0]
    (passage,) = first.passages
    assert (passage.side, passage.text) == (None, "My dog is called Rex.\nA fine name.")
    assert 0 < first.relevance <= 1


def test_of_a_long_turn_the_block_shows_what_bears_on_the_question(memory: Memory) -> None:
    block = memory.recall("Where do the hinges come from?").text(max_tokens=250)
    assert "Aldeburgh" in block
    assert "[…]" in block
    assert block.count("## Step") < 8
    whole = memory.recall("Where do the hinges come from?").text(max_tokens=8000)
    assert "[…]" not in whole
    assert "zinc_sheet_11" in whole


def test_passages_stand_in_order_and_code_is_cut_at_line_ends(memory: Memory) -> None:
    block = memory.recall("hinges, and the zinc sheet of the roof").text(max_tokens=500)
    assert block.index("Aldeburgh") < block.index("roof.append")
    lines = {line.strip() for line in ANSWER.split("\n")}
    shown = [line.strip().removeprefix("> ") for line in block.split("\n") if "zinc" in line]
    assert set(shown) <= lines


@pytest.mark.parametrize("budget", [*range(0, 120, 7), 150, 333, 700, 1500, 4000])
def test_the_block_is_never_over_budget(memory: Memory, budget: int) -> None:
    found = memory.recall("Where do the hinges of the shed come from?")
    assert found.count_tokens(found.text(max_tokens=budget)) <= budget


def test_turns_soon_after_one_another_share_a_time() -> None:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom", session_id="then")
        for n, minutes in enumerate((0, 3, 40, 1500)):
            memory.add(f"Bean {n} grew.", None, timestamp=START + timedelta(minutes=minutes))
        block = engine.memory("tom").recall("bean").text()
        assert [line for line in block.split("\n") if line.startswith("[")] == [
            "[2026-03-02 09:00 UTC]",
            "[09:40]",
            "[2026-03-03 10:00]",
        ]


# ── filters ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shop() -> Memory:
    engine = Engine.open("sqlite:///:memory:", {"promotion": "manual"})
    for n in range(12):
        place = engine.memory("tom", session_id=f"s{n % 2}")
        secret = f"I work as a {'baker' if n % 2 else 'diver'} in town number {n}."
        place.add(secret, "I see.", metadata={"price": n, "lang": "es" if n % 2 else "en"})
    memory = engine.memory("tom", session_id="s1")
    memory.flush()
    return memory


def prices(memory: Memory, where: dict[str, object]) -> list[int]:
    return sorted(item.page.metadata["price"] for item in memory.recall("town", where=where).pages)


def test_ranges_and_lists(shop: Memory) -> None:
    assert prices(shop, {"price": {"gte": 3, "lt": 5}}) == [3, 4]
    assert prices(shop, {"price": [1, 7, 99]}) == [1, 7]
    assert prices(shop, {"lang": ["es", "fr"], "price": {"gt": 8}}) == [9, 11]
    assert prices(shop, {"lang": "xx"}) == []
    shop.add("I am in town again.", "Yes.", metadata={"price": 3, "lang": "en"})
    assert prices(shop, {"price": {"gte": 3, "lt": 5}}) == [3, 3, 4]


@pytest.mark.parametrize("where", [{"session_id": "s0"}, {"lang": "en"}, {"price": {"lt": 1}}])
def test_a_filter_narrows_everything(shop: Memory, where: dict[str, object]) -> None:
    whole = shop.recall("What is my work?")
    assert "baker" in whole.text()
    found = shop.recall("What is my work?", where=where)
    assert found.pages
    assert not any("baker" in page.user_input for page in found.short_term)
    assert "baker" not in found.text(max_tokens=4000)
    assert "baker" not in found.profile.text
    for item in (*found.user_knowledge, *found.agent_knowledge):
        assert "baker" not in item.text
    segments = {item.page.segment_id for item in found.pages}
    assert {segment.id for segment in found.segments} <= segments


def test_what_was_forgotten_is_filtered_out_too(shop: Memory) -> None:
    where = {"price": {"gte": 3, "lt": 5}}
    assert prices(shop, where) == [3, 4]
    shop.forget(page_id=next(p.id for p in shop.pages(where=where) if p.metadata["price"] == 3))
    assert prices(shop, where) == [4]
    assert [page.metadata["price"] for page in shop.pages(where=where, newest_first=True)] == [4]


@pytest.mark.parametrize(
    "where",
    [
        {"price": {"above": 3}},
        {"price": {}},
        {"price": {"gte": None}},
        {"price": {"gte": [3]}},
        {"price": {"gte": float("nan")}},
        {"price": [[3]]},
        {"price": object()},
        {"lang": "\ud800"},
        {3: 4},
        "price",
    ],
)
def test_a_filter_that_cannot_be_is_told_by_name(shop: Memory, where: object) -> None:
    with pytest.raises(InvalidInput, match="where"):
        shop.recall("town", where=where)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", [None, {"session_id": "a"}])
def test_what_a_chain_says_is_not_said_again_below(where: dict[str, object] | None) -> None:
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        for session in "ba":
            garden = engine.memory("tom", session_id=session)
            for n in range(4):
                garden.add(f"I feed the bees of garden {session} at {n}.", "How are the bees?")
        garden.flush()
        text = engine.memory("tom", session_id="c").recall("bees of garden a", k=2, where=where)
        lines = text.text(800).splitlines()
    earlier = lines[lines.index("## Earlier in these conversations") :]
    for n in range(4):  # of a chain whose pages are all within the filter, each line once
        assert sum(f"garden a at {n}" in line for line in earlier) == 1
