"""Recall: the sets, the metrics, and whole runs on invented dialogues."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.recall import tuning
from benchmarks.recall.dialogues import read_beam, read_locomo, with_swapped_questions
from benchmarks.recall.metrics import auroc, passages, refused, share_of_words, wanted_stems
from benchmarks.recall.own_measure import measure
from benchmarks.recall.own_sets import LANGUAGES, PAGES, language
from memoryos.embedders import HashingEmbedder
from memoryos.text.terms import query_terms, term_id, tokens


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """A folder in BEAM's format, with an invented chat."""
    folder = tmp_path / "beam" / "1"
    folder.mkdir(parents=True)
    said = [
        (0, "user", "I keep bees near Tromsø. ->-> 1,1"),
        (1, "assistant", "How many hives do you have?"),
        (2, "user", "Eleven hives, all painted blue."),
        (3, "assistant", "Blue suits them.\n\nBees see it well."),
        (4, "assistant", "Shall I write that down?"),
    ]
    turns = [{"id": number, "role": role, "content": text} for number, role, text in said]
    turns[0]["time_anchor"] = "March-15-2024"
    (folder / "chat.json").write_text(json.dumps([{"batch_number": 1, "turns": [turns]}]))
    probing = {
        "information_extraction": [
            {"question": "How many hives?", "answer": "Eleven.", "source_chat_ids": {"a": [2, "3"]}}
        ],
        "abstention": [{"question": "What is the queen called?", "ideal_response": "Unknown."}],
    }
    (folder / "probing_questions.json").write_text(json.dumps(probing))
    return folder.parent


def test_beam_becomes_pages_and_questions(chats: Path) -> None:
    (dialogue,) = read_beam(chats)
    assert [page.messages for page in dialogue.pages] == [("0", "1"), ("2", "3"), ("4",)]
    assert dialogue.pages[0].user == "I keep bees near Tromsø."  # without BEAM's own mark
    assert f"{dialogue.pages[0].timestamp:%Y-%m-%d}" == "2024-03-15"
    asked, never = dialogue.questions
    assert asked.evidence == ("2", "3")
    assert not never.answerable
    assert wanted_stems(dialogue, asked) == {"eleven"}  # "hives" stands in the question


def test_locomo_begins_a_page_with_the_first_speaker(data: Path) -> None:
    (dialogue,) = read_locomo(data)
    assert [page.messages for page in dialogue.pages] == [
        ("D1:1", "D1:2"),
        ("D1:3", "D2:1"),  # the answer may come a session later
        ("D2:2",),
    ]
    assert [one.text for one in dialogue.questions if not one.answerable] == [
        "What is Ben's cat called?"
    ]


def test_others_questions_name_the_own_speakers(data: Path, tmp_path: Path) -> None:
    (raw,) = json.loads(data.read_text())
    other = json.loads(json.dumps(raw).replace("Ada", "Cleo").replace("Ben", "Dov"))
    path = tmp_path / "two.json"
    path.write_text(json.dumps([raw, other]))
    first, _ = with_swapped_questions(read_locomo(path))
    swapped = [one.text for one in first.questions if not one.answerable]
    assert "Where and as what does Ben work?" in swapped
    assert not any("Dov" in text or "Cleo" in text for text in swapped)
    (alone,) = with_swapped_questions(read_locomo(data))
    assert all(one.answerable for one in alone.questions)


def test_metrics() -> None:
    assert auroc([0.9, 0.5], [0.1, 0.5]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert refused([float(n) for n in range(100)], [4.0, 5.0, 6.0, -1.0]) == 0.5
    assert share_of_words({"eleven", "blue"}, "Eleven hives.") == 0.5
    long = "One sentence here. " * 60
    assert all(len(part) <= 420 for part in passages(long))
    assert " ".join(passages(long)).split() == long.split()


def test_paraphrases_share_no_word_with_what_they_ask_for() -> None:
    for code in LANGUAGES:
        for pair in language(code).pairs:
            held = {term_id(token) for token in tokens(pair.said)}
            shared = [term.surface for term in query_terms(pair.asked) if held & set(term.ids)]
            assert not shared, (pair, shared)


def test_the_sets_are_as_large_as_they_say() -> None:
    sets = [language(code) for code in LANGUAGES]
    assert all(len(one.pairs) >= least for one, least in zip(sets, (25, 20, 20), strict=True))
    assert sum(len(one.exchanges) for one in sets) == 20
    assert sum(len(one.never_said) + len(one.nonsense) for one in sets) >= 30
    for one in sets:
        assert len(set(one.pages)) == len(one.pages) == PAGES
        held = {user for user, _ in one.pages}
        assert held.issuperset(pair.said for pair in one.pairs)
        assert not any("{" in text for page in one.pages for text in page)


def test_the_pages_are_the_same_in_every_run() -> None:
    made = language("en")
    language.cache_clear()
    assert language("en") == made


def test_a_language_is_measured() -> None:
    found = measure(language("zh"), HashingEmbedder())
    assert found["paraphrases"]["plain questions, top 1"] > 0.5
    assert 0 <= found["followups"]["top 10"] <= 1
    assert {"auroc", "nonsense that recalls nothing"} <= found["unknown"].keys()


def test_bench_beam_writes_its_figures(
    chats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    arguments = ["beam", "--data", chats, "--json", path, "--bm25", "page,message,passage"]
    assert main([str(argument) for argument in arguments]) == 0
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["command"].startswith("memoryos bench recall --set beam --data beam")
    assert str(tmp_path) not in path.read_text(encoding="utf-8")
    systems = {row["system"]: row for row in written["figures"]}
    assert list(systems) == [
        "MemoryOS, default",
        *(f"BM25 over {unit}s" for unit in ("page", "message", "passage")),
    ]
    for row in systems.values():
        assert row["top 5"] == row["words in 1000"] == [1, 1, 1]
    assert "top 10 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "none"], "--data"),
        ([], "--data"),
        (["--from", "3"], "leaves no dialogue"),
        (["--from", "-1"], "--from"),
        (["--bm25", "word"], "--bm25"),
        (["--bm25", "", "--embedder", ""], "nothing to measure"),
        (["--set", "paraphrase"], "--set"),
        (["--embedder", "fastembed:no/such"], "fastembed"),
    ],
)
def test_bad_arguments_are_named(
    chats: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [] if not arguments else [*arguments, "--data", str(chats)]
    if arguments[:1] == ["--data"]:
        given = arguments
    assert main(["beam", *given]) in {1, 2}
    assert told in capsys.readouterr().err


def test_tuning_shows_each_set(
    data: Path, chats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "locomo10.json").write_text(data.read_text())
    arguments = ["--data", str(tmp_path), "--only", "locomo,beam", "--set", "window=0.5"]
    arguments += ["--keep", str(tmp_path / "kept")]
    assert tuning.main(arguments) == 0
    first = capsys.readouterr().out
    assert "LoCoMo 0-4" in first
    assert "BEAM 1-10" in first
    assert tuning.main(arguments) == 0  # on the databases that the first run kept
    without_times = [line.split(", recall p50")[0] for line in first.splitlines()]
    again = [line.split(", recall p50")[0] for line in capsys.readouterr().out.splitlines()]
    assert again == without_times
    assert tuning.main(["--data", str(tmp_path), "--set", "windows=1"]) == 2


def test_own_chats_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own.jsonl"
    lines = (
        {"user": "I moved to Seattle.", "agent": "Welcome!", "timestamp": "2025-05-01"},
        {"user": "My sister Clara plays chess.", "agent": "Who wins?"},
        {"question": "Where did I move to?", "answer": "seattle"},
        {"question": "Who plays chess?", "answer": "Clara"},
        {"question": "Who won the cup?"},
    )
    file.write_text("\n".join(map(json.dumps, lines)))
    assert main(["recall", "--own", str(file)]) == 0
    assert "own" in capsys.readouterr().out
    file.write_text('{"user": "a"}\n{"question": "b", "answer": "c"}')
    assert main(["recall", "--own", str(file)]) == 2
    assert "no turn says 'c'" in capsys.readouterr().err
