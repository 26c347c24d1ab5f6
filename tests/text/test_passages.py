"""Passages: whole sentences of one side, never inside a word; a short page is one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryos.text.passages import LONG, SHORT_PAGE, WHOLE, passages, side_passages

PROSE = (
    "The garden was dug in spring. We planted beans, and then it rained for a week! Did they grow? "
)
CODE = "Here is the code:\n\n```python\n" + "".join(
    f"def part_{n}(x):\n    return x + {n}  # One. Two.\n" for n in range(30)
)
TABLE = "| plant | rows |\n|---|---|\n" + "".join(f"| bean no. {n}. A | {n} |\n" for n in range(60))
CHINESE = "我们在春天挖了花园。我们种了豆子，然后下了一个星期的雨！它们长了吗？" * 20
ENDLESS_CHINESE = "花园" * 900


def cut(said: str) -> list[str]:
    return [said[start:end] for start, end in side_passages(said)]


def test_a_short_page_is_one_passage_of_both_sides() -> None:
    assert passages("a" * (SHORT_PAGE - 9), "b" * 9) == (WHOLE,)
    assert passages("", "") == (WHOLE,)
    assert WHOLE not in passages("a" * SHORT_PAGE, "b b")


def test_a_long_page_is_cut_side_by_side() -> None:
    found = passages("What grew?", PROSE * 20)
    assert [span.side for span in found[:2]] == ["user", "agent"]
    assert len({span.side for span in found}) == 2
    assert all(span.end - span.start <= LONG for span in found)


def test_sentences_stay_whole() -> None:
    for passage in cut(PROSE * 20):
        assert passage[0].isupper()
        assert passage[-1] in ".!?"


@pytest.mark.parametrize("text", [CODE + "```\nThat is all.", TABLE], ids=["code", "table"])
def test_code_and_tables_are_cut_at_line_ends(text: str) -> None:
    lines = set(map(str.strip, text.split("\n")))
    found = cut(text)
    assert len(found) > 2
    for passage in found:
        assert {line.strip() for line in passage.split("\n")} <= lines


def test_chinese_is_cut_at_its_own_sentence_ends() -> None:
    assert {passage[-1] for passage in cut(CHINESE)} <= set("。！？")
    assert max(map(len, cut(CHINESE))) <= LONG
    assert 1 < len(cut(ENDLESS_CHINESE)) < 12


def test_no_word_is_cut_however_long() -> None:
    words = ["x" * n for n in (1, 30, 5000, 7, 900, 2)] * 3
    assert " ".join(cut(" ".join(words))).split() == words
    assert cut("가나다 " * 400)[0].endswith("가나다")


def test_the_number_of_an_item_stays_with_it() -> None:
    text = "".join(f"{n}. The step {n} of the long plan is told here.\n" for n in range(1, 60))
    assert all(passage[0].isdigit() and passage[-1] == "." for passage in cut(text))


def test_a_heading_goes_with_what_it_heads() -> None:
    text = "".join(f"{PROSE * 2}\n\n### Step {n}\n\n{PROSE * 2}\n\n" for n in range(6))
    assert not any(passage.split("\n")[-1].startswith("###") for passage in cut(text))


@given(st.text(alphabet=st.sampled_from("ab .!?\n|`#*1。字가\u3000\x0b\u2028"), max_size=3000))
def test_nothing_is_lost_and_nothing_overlaps(said: str) -> None:
    end = 0
    for start, stop in side_passages(said):
        assert end <= start < stop
        assert not said[end:start].strip()
        assert said[start:stop].strip()
        end = stop
    assert not said[end:].strip()


def test_whatever_it_is_it_is_cut_in_a_moment() -> None:
    noise = random.Random(1)
    for text in (
        "a" * 200_000,
        "." * 200_000,
        "```\n" * 50_000,
        "".join(noise.choices("ab .\n", k=200_000)),
        "字" * 200_000,
        "字. " * 60_000,
    ):
        assert len(side_passages(text)) < 2000
