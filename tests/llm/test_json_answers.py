"""JSON dug out of answers, thinking left out of them."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from memoryos.llm.json_answers import parse_answer, shape_in_words, strict_schema
from memoryos.llm.thinking import pieces_without_thinking, without_thinking
from memoryos.updating.analysts.prompts.consolidate import ConsolidateAnswer, consolidate_form
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
        '{"name": "Lisbon", "people": 5,}',
        "{'name': 'Lisbon', 'people': 5}",
        "{name: 'Lisbon', people: 5}",
        "{“name”: “Lisbon”, “people”: 5}",
        '{"name": "Lisbon" "people": 5}',
        '{"name": "Lisbon"\n"people": 5\n}',
        '{"name": "Lisbon", // the capital\n "people": 5 /* in thousands */}',
        '{"name": "Lisbon", "people": 5, "more": [1, {"a": "b',
        '{"name": "Lisbon", "people": 5, "rest": "and so',
        '{"name": "Lisbon", "people": 5, "rest": [1, 2}',
        '```json\n{"name": "Lisbon", "people": 5,}\n```\nThat is all.',
        "Sure! {'name': 'Lisbon', 'people': 5} Anything else?",
        '{"people": 5, "name": Lisbon}',
        '{"name": "Lisbon", "people": 5}}}',
        '[{"name": "Lisbon", "people": 5},]',
        "{'answer': {'name': 'Lisbon', 'people': 5}}",
        "{'other': None} {'name': 'Lisbon', 'people': 5}",
    ],
)
def test_what_is_nearly_json_is_mended(answer):
    assert parse_answer(answer, City) == City(name="Lisbon", people=5)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ('{"name": "the "old" town",}', 'the "old" town'),
        ("{'name': 'Tom's town',}", "Tom's town"),
        ('{"name": "two\nlines",}', "two\nlines"),
        ('{"name": "it\\\'s",}', "it's"),
        ('{"name": "caf\\u00e9 \\ud83d\\ude00 \\z",}', "café \U0001f600 z"),
        ('{"name": "a, b: {c}",}', "a, b: {c}"),
        ('{"name": "# no // comment",}', "# no // comment"),
        ('{"name": "",}', ""),
    ],
)
def test_texts_are_kept_as_they_were_meant(answer, name):
    assert parse_answer(answer, City) == City(name=name)


class Cities(BaseModel):
    cities: list[City]


@pytest.mark.parametrize(
    ("tail", "number"),
    [
        ('{"name": "Por', 1),
        ('{"name": "Porto", "peo', 2),
        ('{"name": "Porto", "people": 2', 2),
        ('{"name": "Porto"', 2),
        ('{"na', 1),
        ("", 1),
    ],
)
def test_of_a_missing_tail_only_what_is_complete_is_believed(tail, number):
    found = parse_answer(f'{{"cities": [{GOOD}, {tail}', Cities)
    assert found is not None
    assert found.cities == [City(name="Lisbon", people=5), City(name="Porto")][:number]


@given(st.text(alphabet="{}[]\"':,\\ \nabc01-/#*`“”", max_size=60))
def test_anything_like_json_is_read_without_an_error(text):
    parse_answer(text, Cities)
    parse_answer("{" + text, City)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
    st.integers(0, 200),
)
def test_a_value_is_read_as_it_was_written_and_cut_anywhere_gives_a_part_of_it(value, cut):
    class Anything(BaseModel):
        value: object

    text = json.dumps({"value": value})
    assert parse_answer(text, Anything) == Anything(value=value)
    assert parse_answer(text[:-1] + ",}", Anything) == Anything(value=value)
    parse_answer(text[:cut], Anything)


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
        '{"people": "Lisbon" ' * 5_000,
        "{'" * 50_000,
        '{"' + "\\" * 100_000,
        "{" + "'a' " * 40_000,
        "{[" * 50_000 + "x",
        '{"name": "x", "people": ' + "9" * 6000 + "}",
    ],
)
def test_not_found(answer):
    begun = time.thread_time()
    assert parse_answer(answer, City) is None
    assert time.thread_time() - begun < 2


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
        (
            [
                "<|channel|>ana",
                "lysis<|message|>hm<|end|><|st",
                "art|>assistant<|chan",
                "nel|>final<|mes",
                "sage|>Yes",
                "!<|ret",
                "urn|>",
            ],
            "Yes!",
        ),
        (["<|channel|>final <|constrain|>json<|message|>{}", "<|return|>"], "{}"),
        (["<|channel|>analysis<|message|>never", " ending"], ""),
        (["a <| b", " <|", "c"], "a <| b <|c"),
        (["Yes", "<|im_end|>", "\n<|im_start|>user"], "Yes"),
        ([], ""),
    ],
)
def test_streamed_thinking_is_left_out(pieces, said):
    assert "".join(pieces_without_thinking(pieces)) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("analysisThe user greets.assistantfinalHello!", "Hello!"),
        ("analysis of the market: it fell", "analysis of the market: it fell"),
        ("Analysis: done", "Analysis: done"),
        ("use <|end|> as a mark", "use"),
    ],
)
def test_channels_of_which_only_the_words_are_left(text, said):
    assert without_thinking(text) == said


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


class Bounded(BaseModel):
    level: Literal["low", "high"]
    page: Literal[1, 2]
    note: str = Field(min_length=2, max_length=300)
    long: str = Field(max_length=50_000)
    few: list[Annotated[str, Field(max_length=9)]] = Field(min_length=1, max_length=3)
    share: float = Field(ge=0, le=1)
    maybe: Annotated[str, Field(max_length=5)] | None = None


def test_bounds_are_kept_within_what_grammars_take():
    found = strict_schema(Bounded, bounds=True)["properties"]
    assert found == {
        "level": {"type": "string", "enum": ["low", "high"]},
        "page": {"type": "integer", "enum": [1, 2]},
        "note": {"type": "string", "minLength": 2, "maxLength": 300},
        "long": {"type": "string"},
        "few": {
            "type": "array",
            "items": {"type": "string", "maxLength": 9},
            "minItems": 1,
            "maxItems": 3,
        },
        "share": {"type": "number", "minimum": 0.0, "maximum": 1.0},
        "maybe": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
    }
    bare = strict_schema(Bounded)["properties"]
    assert bare["few"] == {"type": "array", "items": {"type": "string"}}
    assert bare["level"] == found["level"]


def test_shape_in_words():
    assert shape_in_words(consolidate_form(2, 0)) == (
        '{"pages":[{"page":1|2,"topic":1|2|3,"continues":bool}],'
        '"topics":[{"topic":1|2|3,"summary":str,"keywords":[str]}],"chain":str,'
        '"facts":[{"page":1|2,"owner":"user"|"assistant","quote":str,"text":str,"supersedes":[int]}]}'
    )
