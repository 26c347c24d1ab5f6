"""Evidence recall: its measures, what it reads, and a whole run on an invented file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.locomo import main
from benchmarks.locomo.comparison import compare, systems
from benchmarks.locomo.data import load
from benchmarks.locomo.evidence import COLUMNS, share_in_pages, shown
from benchmarks.locomo.known_errors import broken_evidence
from memoryos.embedders import StaticEmbedder
from memoryos.frontends.importers import locomo as importer


def test_share_in_pages_counts_turns() -> None:
    assert share_in_pages([3, 3, 7, 9], [7, 3, 1], 1) == 0.25
    assert share_in_pages([3, 3, 7, 9], [7, 3, 1], 2) == 0.75
    assert share_in_pages([9], [7, 3, 1], 5) == 0


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        ("[2023-05-08]\nAda: I have a cat.\nBen: Nice.", True),
        ("input: Ada: I have a cat.\noutput: Ben: Nice.", True),
        ("<message role='user'>Ada: I have a cat.</message>", True),
        ("Ada: I have a cat. And a dog.", False),
        ("Ada: I have a", False),
        ("Canada: I have a cat.", False),
        ("", False),
    ],
)
def test_a_turn_counts_only_whole(block: str, whole: bool) -> None:
    assert shown("Ada: I have a cat.", block) is whole


def test_the_file_becomes_pages_and_questions(data: Path) -> None:
    (conversation,) = load(data)
    assert [len(page.turns) for page in conversation.pages] == [2, 1, 1 + 1]
    assert conversation.pages[0].text == (
        "Ada: I adopted a tortoise called Pebble yesterday.\n"
        "Ben: What a good name! [image: a tortoise on a lawn]"
    )
    assert conversation.pages[2].session == "session_2"
    assert [q.id for q in conversation.questions] == ["0:0", "0:1", "0:2", "0:3"]
    assert conversation.questions[2].evidence == ("D2:1", "D1:2")
    assert [q.id for q in conversation.with_evidence()] == ["0:0", "0:1", "0:2"]
    assert conversation.page_of("D2:2") == 2


def test_pages_are_those_of_the_importer(data: Path) -> None:
    (conversation,) = load(data)
    theirs = [[message.text for message in turn.messages] for turn in importer.read(data)]
    assert theirs == [[turn.said for turn in page.turns] for page in conversation.pages]


def test_errors_of_the_file_are_named(data: Path) -> None:
    assert broken_evidence(load(data)) == {"0:2": "“D2:1; D1:2”", "0:3": "no turn D9:9"}


def test_what_is_no_locomo_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["--data", str(tmp_path / "none.json")]) == 2
    (tmp_path / "other.json").write_text('{"a": 1}')
    assert main(["--data", str(tmp_path / "other.json")]) == 2
    assert "locomo10.json" in capsys.readouterr().err


def test_a_run_compares_and_reports(data: Path, tmp_path: Path) -> None:
    names = "memoryos,no-model,two-stage,bm25,dense,rrf,newest,langchain,llama-index"
    arguments = ["--data", data, "--systems", names, "--out", tmp_path, "--cache", tmp_path]
    assert main([str(argument) for argument in arguments]) == 0
    report = (tmp_path / "locomo.md").read_text(encoding="utf-8")
    for row in ("**MemoryOS, no model**", "BM25", "the newest turns", "LangChain", "LlamaIndex"):
        assert f"| {row}" in report
    assert "| BM25 over passages | 1.000" in report.partition("words in 1000")[2]
    # Ten pages are more than there are: everything is found by those that rank all pages.
    line = next(line for line in report.splitlines() if line.startswith("| BM25 "))
    assert line.count("1.000 (1.000-1.000)") == 6
    for text in ("tortoise", "Pebble", "Bergen", str(tmp_path)):
        assert text not in report  # nothing of the data set, nothing of the machine's folders
    assert (tmp_path / "locomo-pages.png").stat().st_size > 1000


def test_a_run_of_ablations_reports(data: Path, tmp_path: Path) -> None:
    assert main(["--data", str(data), "--ablations", *_folders(tmp_path)]) == 0
    report = (tmp_path / "locomo-ablations.md").read_text(encoding="utf-8")
    for row in ("everything", "without dates", "without long-term", "0-4", "window 0.3"):
        assert f"| {row}" in report
    assert "+0.000" in report
    assert (tmp_path / "locomo-ablations.png").stat().st_size > 1000


def _folders(folder: Path) -> list[str]:
    return ["--out", str(folder), "--cache", str(folder)]


@pytest.mark.benchdata
@pytest.mark.timeout(900)
def test_figures_without_a_model_hold_on_held_out_conversations(
    locomo: Path, tmp_path: Path
) -> None:
    made = systems(StaticEmbedder(), tmp_path)["no-model"]()
    (measured,) = compare([made], load(locomo, range(5, 10)), quiet=True)
    assert len(measured.found) == 775
    means = {
        name: sum(one.columns[number] for one in measured.found) / len(measured.found)
        for number, name in enumerate(COLUMNS)
    }
    assert means["top 10"] >= 0.77
    assert means["1,000 tokens"] >= 0.78
