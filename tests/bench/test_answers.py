"""Answer quality, end to end against a server on loopback, its scores computed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.locomo import main
from memoryos.testing.openai_server import OpenAIServer, Request, memory_answers

SAID = {
    "What is Ada's tortoise called?": "Pebble",
    "When did Ada adopt a tortoise?": "8 May 2023",
    "Where and as what does Ben work?": "baker in Bergen",
    "Would Ada like a lawn?": "Yes",
}
# Words as a set: 1; {8,may,2023} of {7,may,2023} 2/3; {baker,in,bergen} of {bergen,as,a,baker} 4/7;
# {yes} of {yes,for,the,dandelions}: 1 and 1/4.
F1 = 100 * (1 + 2 / 3 + 4 / 7 + 0.4) / 4
# 1; 2/3; 2 of 3, with 3 words for 5 ("bergen" "," "as" "a" "baker"); 1, with 1 for 5.
BLEU = 100 * (1 + 2 / 3 + 2 / 3 * 0.513417 + 0.018316) / 4
# 1; 2/3; "bergen" in {baker,in,bergen} 1/2, "baker" (as a baker: as, baker) in three 2/5; 1
OFFICIAL = 100 * (1 + 2 / 3 + (1 / 2 + 2 / 5) / 2 + 1) / 4


def scripted(request: Request) -> str:
    messages = request.body["messages"]
    asked = messages[-1]["content"]
    if asked in SAID:
        assert "<notes>" in messages[0]["content"]
        return SAID[asked]
    strict = "contradicts none" in messages[0]["content"]
    right = "<answer>Pebble</answer>" in asked or (not strict and "2023" in asked)
    return json.dumps({"reason": "so", "correct": right})


def run(data: Path, folder: Path, url: str, *more: str) -> int:
    arguments = ["--data", str(data), "--out", str(folder), "--cache", str(folder)]
    return main([*arguments, "--model", "stand-in", "--base-url", url, "--judge", "judge", *more])


def row(folder: Path, name: str) -> list[str]:
    lines = (folder / "locomo-answers.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_answers_are_asked_for_judged_and_scored(data: Path, tmp_path: Path) -> None:
    with OpenAIServer(chat=scripted) as server:
        assert run(data, tmp_path, server.url) == 0
        contexts = {r.body["messages"][0]["content"] for r in server.chats}
    for name in ("MemoryOS", "dense", "BM25 passages", "full context", "no memory"):
        questions, *scores, tokens, calls = row(tmp_path, name)
        assert questions == "4"
        means = [float(score.partition(" ")[0]) for score in scores]
        assert means[:3] == [pytest.approx(s, abs=0.006) for s in (F1, BLEU, OFFICIAL)]
        assert means[3:] == [25, 50]
        assert int(tokens.replace(",", "")) > 100
        assert calls == "1.00"
    assert any("Pebble yesterday" in context for context in contexts)
    report = (tmp_path / "locomo-answers.md").read_text(encoding="utf-8")
    assert "99 of 1,540" in report
    assert "tortoise" not in report


def test_an_interrupted_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    with OpenAIServer(chat=scripted) as server:
        assert run(data, tmp_path, server.url, "--limit", "2", "--systems", "full") == 0
        first = len(server.chats)
        assert first == 2 + 4
    kept = tmp_path / "answers.jsonl"
    kept.write_text(kept.read_text() + '{"key": "cut o\n')  # a crash in the middle of a line
    with OpenAIServer(chat=scripted) as server:
        assert run(data, tmp_path, server.url, "--systems", "full") == 0
        assert len(server.chats) == 2 + 4  # only the questions that were left
        assert run(data, tmp_path, server.url, "--systems", "full") == 0
        assert len(server.chats) == 2 + 4
    assert row(tmp_path, "full context")[0] == "4"


def test_a_model_that_reads_for_the_engine_is_paid_for(data: Path, tmp_path: Path) -> None:
    def both(request: Request) -> str:
        plain = "<notes>" in str(request.body) or "<reference>" in str(request.body)
        return scripted(request) if plain else str(memory_answers(request))

    talk = json.loads(data.read_text())
    turns = talk[0]["conversation"]["session_2"]
    turns += [{**turns[n % 2], "dia_id": f"D2:{n + 3}"} for n in range(40)]
    data.write_text(json.dumps(talk))
    with OpenAIServer(chat=both) as server:
        assert run(data, tmp_path, server.url, "--systems", "memoryos", "--consolidate") == 0
    assert float(row(tmp_path, "MemoryOS")[-1]) > 1


def test_questions_with_wrong_answers_are_left_out_on_demand(data: Path, tmp_path: Path) -> None:
    errors = [
        {"question_id": "locomo_0_qa1", "error_type": "TEMPORAL_ERROR"},
        {"question_id": "locomo_0_qa2", "error_type": "WRONG_CITATION"},
    ]
    (tmp_path / "errors_conv_0.json").write_text(json.dumps(errors))
    with OpenAIServer(chat=scripted) as server:
        audit = ("--audit", str(tmp_path), "--systems", "full")
        assert run(data, tmp_path, server.url, *audit) == 0
    report = (tmp_path / "locomo-answers.md").read_text(encoding="utf-8")
    without = report.partition("Without the 1 questions")[2]
    assert "| full context | 3 |" in without


def test_an_unreachable_model_is_an_error_that_keeps_what_there_is(
    data: Path, tmp_path: Path
) -> None:
    assert run(data, tmp_path, "http://127.0.0.1:9/v1", "--systems", "full") == 1
    assert not (tmp_path / "locomo-answers.md").exists()


@pytest.mark.benchdata
def test_no_prompt_holds_anything_of_the_test_set(root: Path, locomo: Path) -> None:
    talks = json.loads(locomo.read_text("utf-8"))
    asked = [item for talk in talks for item in talk["qa"]]
    held = {str(item["question"]) for item in asked}
    # A year or a "yes" is nobody's; three words in a row are.
    held |= {answer for item in asked if len((answer := str(item.get("answer", ""))).split()) > 2}
    assert len(held) > 1500
    ours = root / "core" / "memoryos"
    files = [root / "benchmarks" / "locomo" / "prompts.py", *ours.rglob("prompts/*.py")]
    files += ours.glob("generation/*.py")
    assert len(files) >= 10
    for path in files:
        text = path.read_text("utf-8").casefold()
        assert [words for words in held if words.casefold() in text] == [], path
