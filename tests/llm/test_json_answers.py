"""JSON dug out of answers, thinking left out of them."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from memoryos.llm.json_answers import parse_answer, shape_in_words, strict_schema
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.updating.analysts.prompts.consolidate import ConsolidateAnswer
from memoryos.updating.analysts.prompts.promote import PromoteAnswer


class City(BaseModel):
    name: str
    people: int = 0


GOOD = '{"name": "Lisbon", "people": 5}'


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"  {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}```",
        f"Sure! Here it is:\n\n```JSON\n{GOOD}\n```\nAnything else?",
        f"Sure: {GOOD}. Good night!",
        f"<think>maybe {{}} or {{'name'}}</think>{GOOD}",
        f'<think>\nmaybe {{"name": "Porto"}}\n</think>\n```json\n{GOOD}\n```',
        f"the opening tag was lost\n</think>\n{GOOD}",
        f'{{"people": 1}} no, rather: {GOOD}',
        f'{{"answer": {GOOD}}}',
        f"[1, 2] {{broken {GOOD}",
        '{"name": "Lisbon", "people": "5"}',
        f"{GOOD}{GOOD}",
    ],
)
def test_found(answer):
    assert parse_answer(answer, City) == City(name="Lisbon", people=5)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Lisbon",
        '{"name": "Lis',
        '{"people": 5}',
        '{"name": ["Lisbon"]}',
        "null",
        "[]",
        f"<think>{GOOD}",
        "{" * 5000,
        "[" * 100_000,
        '{"a":' * 20_000,
        '{"name": NaN}',
        '{"name": "x", "people": ' + "9" * 6000 + "}",
    ],
)
def test_not_found(answer):
    begun = time.monotonic()
    assert parse_answer(answer, City) is None
    assert time.monotonic() - begun < 2


def test_tags_inside_an_answer_are_text():
    said = {"name": "the </think> tag\n</think>\n and <think>"}
    assert parse_answer(json.dumps(said), City) == City(**said)


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    parse_answer(text, City)
    without_thinking(text)


@given(st.text(alphabet="<>/thinkreasoning {}\n"), st.lists(st.integers(0, 40)))
def test_streamed_thinking_never_fails(text, cuts):
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    said = "".join(pieces_without_thinking(pieces))
    assert said == "" or text.rstrip().endswith(said.rstrip())


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["Hello", " there"], "Hello there"),
        (["<th", "ink>no</thi", "nk>\n\nYes", "!"], "Yes!"),
        (["<think>never closed", " and on"], ""),
        (["  ", "\n", "Hi"], "Hi"),
        (["<b>", "bold</b>"], "<b>bold</b>"),
        (["<", "3"], "<3"),
        ([], ""),
    ],
)
def test_streamed_thinking_is_left_out(pieces, said):
    assert "".join(pieces_without_thinking(pieces)) == said


def test_an_answer_begins_as_soon_as_it_is_clear_that_it_is_one():
    seen = []

    def pieces():
        for piece in ("Hel", "lo"):
            yield piece
            seen.append(piece)

    stream = pieces_without_thinking(pieces())
    assert next(stream) == "Hel"
    assert seen == []


@pytest.mark.parametrize("schema", [ConsolidateAnswer, PromoteAnswer, City])
def test_strict_schema_holds_nothing_that_endpoints_refuse(schema):
    def check(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            else:
                allowed = {"type", "items", "enum", "anyOf", "$ref", "description"}
                assert set(node) <= allowed
            for inner in (*node.get("properties", {}).values(), *filter(None, [node.get("items")])):
                check(inner)

    strict = strict_schema(schema)
    check({name: value for name, value in strict.items() if name != "$defs"})
    for definition in strict.get("$defs", {}).values():
        check(definition)


def test_shape_in_words():
    assert shape_in_words(ConsolidateAnswer) == (
        '{"topics":[{"pages":[int],"summary":str,"keywords":[str]}],'
        '"chains":[{"pages":[int],"summary":str,"continues":bool}]}'
    )
