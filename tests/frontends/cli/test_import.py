"""`memoryos import` and its formats: what comes in, what is damaged, what running twice does."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.frontends.importers import FORMATS, detect, import_file

Run = Callable[..., Any]
LOCOMO = [
    {
        "sample_id": "conv-a",
        "conversation": {
            "speaker_a": "Ann",
            "speaker_b": "Bob",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ann", "dia_id": "D1:1", "text": "Hi Bob, I adopted a cat."},
                {"speaker": "Bob", "dia_id": "D1:2", "text": "Lovely!"},
                {
                    "speaker": "Ann",
                    "dia_id": "D1:3",
                    "text": "Look at her!",
                    "img_url": ["https://example.org/cat.jpg"],
                    "blip_caption": "a photo of a grey cat",
                },
            ],
            "session_2_date_time": "12:09 am on 13 September, 2023",
            "session_2": [{"speaker": "Bob", "dia_id": "D2:1", "text": "How is the cat?"}],
        },
    },
    {
        "sample_id": "conv-b",
        "conversation": {
            "session_1_date_time": "soon",
            "session_1": [{"speaker": "Cid", "dia_id": "D1:1", "text": "lost"}],
            "session_2_date_time": "9:00 am on 1 June, 2023",
            "session_2": [
                {"speaker": "Cid", "dia_id": "D2:1", "text": "kept"},
                {"speaker": "Dan", "dia_id": "D2:2"},
                "not a turn",
            ],
        },
    },
    {"sample_id": "conv-c"},
]
"""In LoCoMo's shape, with words of our own."""


def write(name: str, content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return name


# ── jsonl ────────────────────────────────────────────────────────────────────────────────────────


def test_jsonl_comes_in_once_and_damaged_lines_are_reported(run: Run) -> None:
    lines = [
        '{"user": "I live in Lisbon", "agent": "Nice", "timestamp": "2025-05-01T09:00:00Z"}',
        '{"user": "And I have a cat", "session": "pets", "user_name": "Ann"}',
        "{not json",
        '{"user": 5}',
        '{"user": "", "agent": " "}',
        '{"user": "a", "timestamp": "soon"}',
        '{"user": "a", "session": ""}',
        '["user"]',
        "",
        '{"user": "ok", "agent": "ok"}',
        '{"user": "ok", "agent": "ok"}',
        '{"user": "named", "key": "my key"}',
        '{"user": "lone \\ud800 surrogate"}',
    ]
    path = write("chat.jsonl", "\n".join(lines))
    done = run("import", path, "--user", "tom")
    assert done.code == 1
    assert "5 new pages for tom" in done.out
    for number, what in (
        (3, "not JSON"),
        (4, "user"),
        (5, "empty"),
        (6, "timestamp"),
        (8, "object"),
    ):
        assert f"line {number}: " in done.err
        assert what in done.err
    assert "Traceback" not in done.err
    again = run("import", path, "--user", "tom", "--json")
    assert (again.json["new"], again.json["read"]) == (0, 6)
    pages = run("pages", "--json").json
    assert pages[0]["timestamp"] == "2025-05-01T09:00:00+00:00"
    assert pages[1]["session_id"] == "pets"
    assert [page["user_input"] for page in pages].count("ok") == 2


def test_a_file_that_grows_brings_only_what_is_new(run: Run) -> None:
    path = write("chat.jsonl", '{"user": "one"}\n{"user": "one"}\n')
    assert run("import", path, "--json").json["new"] == 2
    write("chat.jsonl", '{"user": "one"}\n{"user": "one"}\n{"user": "one"}\n{"user": "two"}\n')
    assert run("import", path, "--json").json["new"] == 2


# ── locomo ───────────────────────────────────────────────────────────────────────────────────────


def test_locomo_pairs_turns_and_names_speakers(run: Run) -> None:
    path = write("locomo.json", LOCOMO)
    done = run("import", path)
    assert done.code == 1
    for damage in ("conv-b, session_1: its date 'soon'", "conversation 2: has no sessions"):
        assert damage in done.err
    with Engine.open("sqlite:///memoryos.db") as engine:
        assert {scope.user_id for scope in engine.scopes()} == {"conv-a", "conv-b"}
        first, second, third = engine.memory("conv-a").pages()
        assert (first.user_name, first.agent_name) == ("Ann", "Bob")
        assert first.user_input == "Hi Bob, I adopted a cat."
        assert first.timestamp.isoformat() == "2023-05-08T13:56:00+00:00"
        assert second.user_input == "Look at her! [image: a photo of a grey cat]"
        assert second.timestamp.isoformat() == "2023-05-08T13:56:01+00:00"
        assert third.timestamp.isoformat() == "2023-09-13T00:09:00+00:00"
        assert (second.session_id, third.session_id) == ("session_1", "session_2")
        assert [m.id for m in first.messages] == ["D1:1", "D1:2"]
        assert [page.user_input for page in engine.memory("conv-b").pages()] == ["kept"]
    assert run("import", path, "--json").json["new"] == 0


def test_locomo_users_are_named_as_asked(run: Run) -> None:
    path = write("both.json", LOCOMO[:2])
    assert set(run("import", path, "--user", "x", "--json").json["users"]) == {
        "x-conv-a",
        "x-conv-b",
    }
    path = write("one.json", LOCOMO[0])
    assert run("import", path, "--user", "tom", "--json").json["users"] == ["tom"]


# ── the published package's folder ───────────────────────────────────────────────────────────────


def turn(n: int, **more: Any) -> dict[str, Any]:
    return {
        "user_input": f"I talk about chess, game {n}.",
        "agent_response": f"Game {n} was fine.",
        "timestamp": f"2025-05-01 10:{n:02}:00",
        **more,
    }


def page(n: int, before: int | None = None, **more: Any) -> dict[str, Any]:
    return turn(
        n,
        page_id=f"page_{n}",
        pre_page=None if before is None else f"page_{before}",
        next_page=None,
        meta_info=f"The chain so far, up to game {n}.",
        analyzed=False,
        preloaded=False,
        page_embedding=[0.1, 0.2],
        page_keywords=[],
        **more,
    )


def published_folder() -> str:
    pages = [page(1), page(2, 1), page(3, 2), page(4)]
    session = {
        "summary": "Tom talks about chess games.",
        "summary_keywords": ["chess", "games"],
        "summary_embedding": [0.1, 0.2],
        "details": pages,
        "L_interaction": 4,
        "R_recency": 1.0,
        "N_visit": 2,
        "H_segment": 7.0,
        "timestamp": "2025-05-01 11:00:00",
        "last_visit_time": "2025-05-02 11:00:00",
        "access_count_lfu": 2,
    }
    theme = {**session, "summary": "Another theme.", "summary_keywords": ["fun"], "N_visit": 1}
    read = {**session, "details": [page(9) | {"analyzed": True}], "L_interaction": 0, "N_visit": 0}
    write(
        "data/users/tom/mid_term.json",
        {
            "sessions": {
                "session_1": {"id": "session_1", **session},
                "session_2": {"id": "session_2", **theme},
                "session_3": {"id": "session_3", **read},
                "session_4": {"summary": "no pages"},
                "session_5": "nonsense",
            },
            "access_frequency": {"session_1": 2},
        },
    )
    write("data/users/tom/short_term.json", [turn(4), turn(20), turn(21), {"user_input": ""}, 7])
    write(
        "data/users/tom/long_term_user.json",
        {
            "user_profiles": {
                "tom": {
                    "data": "Openness (High): he likes new games.\nHe is a data scientist.",
                    "last_updated": "2025-05-03 09:00:00",
                }
            },
            "knowledge_base": [
                {"knowledge": "Tom plays chess on Thursdays", "timestamp": "2025-05-03 09:00:00"},
                {"knowledge": "", "timestamp": "2025-05-03 09:00:00"},
                {"knowledge": "Tom has a dog", "timestamp": "whenever"},
            ],
            "assistant_knowledge": [],
        },
    )
    write(
        "data/assistants/helper/long_term_assistant.json",
        {
            "assistant_knowledge": [
                {"knowledge": "Recommended the Sicilian", "timestamp": "2025-05-03 09:00:00"}
            ]
        },
    )
    write("data/users/ann/short_term.json", [turn(1)])
    write("data/users/ann/mid_term.json", '{"sessions": {"broken')
    write("data/users/team/eve/short_term.json", [turn(2)])  # an id that was a path
    return "data"


def test_the_published_folder_comes_in_whole(run: Run) -> None:
    path = published_folder()
    with Engine.open("sqlite:///memoryos.db", {"promotion": "manual"}) as engine:
        report = import_file(engine, path, "memoryos")
    assert set(report.users) == {"tom", "ann", "team/eve"}
    problems = " ".join(map(str, report.problems))
    for damage in ("session_4", "session_5", "page 4", "page 5", "entry 2", "whenever", "mid_term"):
        assert damage in problems
    with Engine.open("sqlite:///memoryos.db", {"promotion": "manual"}) as engine:
        memory = engine.memory("tom", "helper")
        turns = memory.pages("default")
        assert [p.user_input for p in turns] == [
            f"I talk about chess, game {n}." for n in (1, 2, 3, 4, 9, 20, 21)
        ]  # once each, in order, though the package stored some three times
        assert [p.segment_id is None for p in turns] == [False] * 5 + [True] * 2
        hot, cool = memory.segments()
        assert (hot.pages, hot.visits) == (4, 2)
        assert "Tom talks about chess games." in hot.summary
        assert "Another theme." in hot.summary
        assert {"chess", "fun"} <= set(hot.keywords)
        assert (cool.pages, cool.visits, cool.interactions) == (1, 0, 0)
        chains = {p.user_input[-2:-1]: p.chain_id for p in turns if p.chain_id}
        assert chains["1"] == chains["2"] == chains["3"] != chains["4"]
        found = memory.recall("chess game 2")
        assert "The chain so far, up to game 3." in {c.summary for c in found.load_chains()}
        known = {item.text: item for item in memory.knowledge()}
        assert "Tom plays chess on Thursdays" in known
        assert known["Recommended the Sicilian"].owner == "agent"
        assert "Openness" in memory.profile().text
        assert [(t.name, t.level) for t in memory.traits()] == [("Openness", "high")]
        for item in (*known.values(), *memory.traits()):  # everything derived has its source
            told = memory.explain(item.id)
            assert told.pages
            assert told.quotes[0] in told.pages[0].agent_response
            assert told.pages[0].session_id.endswith("from MemoryOS")
    again = run("import", path, "--json")
    assert again.code == 1  # there is damage to report, as before
    assert again.json["new"] == 0


def test_one_user_of_the_folder(run: Run) -> None:
    path = published_folder()
    assert run("import", path, "--user", "ann", "--json").json["users"] == ["ann"]
    done = run("import", path, "--user", "nobody")
    assert done.code == 2
    assert "tom" in done.err


def test_a_folder_of_something_else_says_so(run: Run) -> None:
    Path("empty").mkdir()
    done = run("import", "empty")
    assert done.code == 2
    assert "data folder" in done.err


# ── mem0 ─────────────────────────────────────────────────────────────────────────────────────────

MEM0 = [
    {
        "id": "1",
        "memory": "Likes chess",
        "user_id": "ann",
        "created_at": "2025-05-01T10:00:00-07:00",
    },
    {"id": "2", "memory": "Lives in Lisbon", "user_id": "ann", "created_at": None},
    {"id": "3", "memory": "Has a dog", "user_id": "bob", "updated_at": "2025-05-02"},
    {"id": "4", "memory": ""},
    {"id": "5", "memory": "x", "created_at": "soon"},
    "nonsense",
]


@pytest.mark.parametrize("wrapped", [MEM0, {"results": MEM0}, {"memories": MEM0}])
def test_mem0s_memories_become_facts_with_a_source(run: Run, wrapped: object) -> None:
    path = write("mem0.json", wrapped)
    report = run("import", path, "--json").json
    assert report["format"] == "mem0"
    assert report["new"] == 3
    assert len(report["problems"]) == 3
    with Engine.open("sqlite:///memoryos.db") as engine:
        memory = engine.memory("ann")
        facts = memory.knowledge("user")
        assert {fact.text for fact in facts} == {"Likes chess", "Lives in Lisbon"}
        assert all(memory.explain(fact.id).pages for fact in facts)
        assert memory.recall("chess").pages[0].page.agent_response == "Likes chess"
    assert run("import", path, "--json").json["new"] == 0


# ── formats and errors ───────────────────────────────────────────────────────────────────────────


def test_the_format_is_found_out(tmp_path: Path) -> None:
    for name, content, kind in (
        ("a.jsonl", '{"user": "a"}\n', "jsonl"),
        ("b.json", LOCOMO, "locomo"),
        ("c.json", LOCOMO[0], "locomo"),
        ("d.json", MEM0, "mem0"),
        ("e.jsonl", '{"memoryos": 1, "user_id": "tom"}\n', "export"),
    ):
        assert detect(Path(write(name, content))) == kind
    assert detect(tmp_path) == "memoryos"
    for content in ("", "[]", "{}", "hello", "\x00\xff"):
        with pytest.raises(InvalidInput):
            detect(Path(write("x", content)))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_another_format_is_one_line(run: Run, kind: str) -> None:
    write("x.json", '{"something": "else"}')
    done = run("import", "x.json", "--format", kind)
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    assert run("import", "missing.json", "--format", kind).code == 2


def test_as_a_library(tmp_path: Path) -> None:
    path = write("chat.jsonl", '{"user": "a"}\n{"user": "b"}\n')
    seen = []
    with Engine.open("sqlite:///:memory:") as engine:
        report = import_file(
            engine, path, user_id="tom", progress=lambda done, total: seen.append((done, total))
        )
        assert (report.format, report.read, report.new) == ("jsonl", 2, 2)
        assert seen == [(0, 2), (1, 2), (2, 2)]
        with pytest.raises(InvalidInput, match="format"):
            import_file(engine, path, "csv")


def test_a_key_that_comes_again_takes_the_place_of_what_it_named(tmp_path: Path) -> None:
    lines = [{"user": f"a{n}", "key": f"k{n % 400}", "timestamp": "2025-05-01"} for n in range(600)]
    path = write("chat.jsonl", "\n".join(map(json.dumps, lines)))
    with Engine.open("sqlite:///:memory:", {"promotion": "manual"}) as engine:
        assert import_file(engine, path, user_id="tom").new == 400
        pages = engine.memory("tom").pages()
        assert [page.user_input for page in pages] == [f"a{n}" for n in range(200, 600)]
        write("chat.jsonl", "\n".join(map(json.dumps, [{**lines[300], "user": "b"}, *lines[301:]])))
        engine.memory("tom").flush()
        assert import_file(engine, path, user_id="tom").new == 0
        assert engine.memory("tom").pages()[-1].user_input == "b"


# ── killed while importing ───────────────────────────────────────────────────────────────────────


def state(uri: str) -> object:
    """All that a memory holds, but for the moment at which it was derived."""
    with Engine.open(uri, {"promotion": "manual"}) as engine:
        memory = engine.memory("tom")
        memory.flush()
        return (
            [(p.id, p.user_input, p.segment_id, p.chain_id) for p in memory.pages()],
            [(s.id, s.summary, s.pages, s.interactions) for s in memory.segments()],
            [(k.id, k.text, k.sources) for k in memory.knowledge(status="all")],
        )


@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.slow)])
@pytest.mark.timeout(600)
def test_an_import_that_is_killed_goes_on_as_if_nothing_had_been(
    environment: dict[str, str], tmp_path: Path, kills: int
) -> None:
    topics = ("chess", "cooking", "sailing", "my work as a data scientist in San Francisco")
    lines = [
        {
            "user": f"I like {topics[n // 8 % 4]}, turn {n}.",
            "agent": f"Tell me of {topics[n // 8 % 4]}.",
            "session": f"s{n // 60}",
            "timestamp": f"2025-05-{1 + n // 60:02}T{n % 24:02}:00:00",
        }
        for n in range(400)
    ]
    write("chat.jsonl", "\n".join(map(json.dumps, lines)))
    command = [sys.executable, "-m", "memoryos", "import", "chat.jsonl", "--user", "tom", "--db"]
    whole = [*command, "whole.db"]
    began = time.monotonic()
    subprocess.run(whole, cwd=tmp_path, env=environment, check=True, capture_output=True)
    usual = time.monotonic() - began
    chance = random.Random(kills)
    for _ in range(kills):
        with subprocess.Popen(
            [*command, "killed.db"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(chance.uniform(0, usual))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
    subprocess.run([*command, "killed.db"], cwd=tmp_path, env=environment, check=True)
    assert state(f"sqlite:///{tmp_path}/killed.db") == state(f"sqlite:///{tmp_path}/whole.db")
