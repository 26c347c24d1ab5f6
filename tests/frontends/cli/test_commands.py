"""Every command but demo, import and chat, which have files of their own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine
from memoryos.testing.openai_server import OpenAIServer, Reply

Run = Callable[..., Any]


# ── add, recall ──────────────────────────────────────────────────────────────────────────────────


def test_what_is_added_is_recalled_with_the_reason_why(run: Run) -> None:
    assert run("add", "I moved to Lisbon last week", "How do you like it?").code == 0
    done = run("recall", "Where is Lisbon?")
    assert done.code == 0
    assert "I moved to Lisbon last week" in done.out
    assert "words: lisbon" in done.out
    found = run("recall", "Where is Lisbon?", "--json").json
    (page,) = found["pages"]
    assert page["user_input"] == "I moved to Lisbon last week"
    assert page["agent_response"] == "How do you like it?"
    assert page["reasons"]
    assert page["score"] == pytest.approx(page["score"])
    assert set(found) == {
        "query",
        "relevance",
        "pages",
        "short_term",
        "segments",
        "user_knowledge",
        "agent_knowledge",
        "profile",
    }


def test_recall_says_that_nothing_bears_on_it(run: Run) -> None:
    run("add", "I moved to Lisbon last week", "How do you like it?")
    assert "Nothing is remembered" in run("recall", "asdf qwer").out
    assert "Lisbon" in run("recall", "asdf qwer", "--min-relevance", "0").out
    assert "Nothing is remembered" in run("recall", "moved?", "--min-relevance", "1").out


def test_add_reads_stdin_and_takes_a_time_and_a_key(run: Run) -> None:
    time = "2025-05-01T09:30"
    page = run("add", "-", "--time", time, "--key", "k", "--json", stdin="from a pipe").json
    assert page["user_input"] == "from a pipe"
    assert page["timestamp"] == "2025-05-01T09:30:00+00:00"
    assert run("add", "from a pipe", "--key", "k", "--json").json["id"] == page["id"]
    assert run("stats", "--json").json[0]["pages"] == 1


def test_recall_prints_the_context_block_within_its_budget(run: Run, tom: str) -> None:
    done = run("recall", "work", "--context", "60")
    assert "data scientist" in done.out
    assert len(done.out.split()) <= 60
    assert "text" in run("recall", "work", "--context", "60", "--json").json


def test_recall_counts_towards_heat(run: Run) -> None:
    run("add", "I am a data scientist in Porto")
    before = sum(segment["visits"] for segment in run("segments", "--json").json)
    run("recall", "data scientist")
    assert sum(segment["visits"] for segment in run("segments", "--json").json) > before


def test_an_unknown_user_is_told_which_was_meant(run: Run) -> None:
    run("add", "something", "--user", "ana")
    for command in (("recall", "x"), ("pages",), ("profile",), ("export", "o.jsonl")):
        done = run(*command, "--user", "anna")
        assert done.code == 1
        assert "did you mean ana?" in done.err
    done = run("recall", "x", "--user", "ana", "--assistant", "helper")
    assert done.code == 1
    assert "There is: assistant" in done.err


# ── which memory ─────────────────────────────────────────────────────────────────────────────────


def test_the_only_user_need_not_be_named_and_several_must_be(run: Run) -> None:
    run("add", "hello", "--user", "tom", "--assistant", "a")
    assert "hello" in run("pages").out
    run("add", "hi", "--user", "ann", "--assistant", "a")
    done = run("pages")
    assert done.code == 2
    assert "ann, tom" in done.err
    run("add", "hey", "--user", "ann", "--assistant", "b")
    done = run("pages", "--user", "ann")
    assert done.code == 2
    assert "--assistant: a, b" in done.err
    assert "hey" in run("pages", "--user", "ann", "--assistant", "b").out


def test_the_environment_names_what_options_would(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("MEMORYOS_DB", "elsewhere.db")
    monkeypatch.setenv("MEMORYOS_USER", "ann")
    run("add", "hello")
    assert Path("elsewhere.db").exists()
    assert run("stats", "--json").json[0]["user_id"] == "ann"


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


def test_profile_and_where_it_comes_from(run: Run, tom: str) -> None:
    assert "data scientist" in run("profile").out
    told = run("profile", "--json").json
    assert told["profile"]["user"] == {}  # no model: nothing is asserted
    said = told["knowledge"][0]
    assert said["kind"] == "statement"
    assert said["text"] in run("explain", said["id"]).out
    assert run("explain", said["id"], "--json").json["pages"][0]["session_id"] == "intro"
    run("remember", "Tom", "--attribute", "name")
    assert run("profile", "--json").json["profile"]["user"] == {"name": "Tom"}
    assert run("explain", "k0").code == 1


def test_an_empty_profile_says_how_it_fills(run: Run) -> None:
    run("add", "hello")
    told = " ".join(run("profile").out.split())
    assert "1 turn, it is known" in told
    assert "`memoryos remember` states a fact" in told


def test_segments_show_heat_as_bars(run: Run, tom: str) -> None:
    done = run("segments")
    assert "█" in done.out or "░" in done.out
    assert "τ = 5" in done.err
    (first, *_) = run("segments", "--json").json
    assert {"heat", "tau", "keywords", "pages", "visits"} <= set(first)


def test_stats_pages_and_usage(run: Run, tom: str) -> None:
    assert "tom / assistant" in run("stats").out
    (stats,) = run("stats", "--json").json
    assert (stats["user_id"], stats["pages"], stats["sessions"]) == ("tom", 19, 1)
    newest = run("pages", "--limit", "2", "--json").json
    assert [page["timestamp"][:10] for page in newest] == ["2025-05-18", "2025-05-19"]
    assert "day 19" in run("pages", "--session", "intro").out
    assert run("usage", "--json").json["calls"] == 0
    assert "No model was called" in run("usage").out


def test_text_cannot_drive_the_terminal(run: Run) -> None:
    run("add", "red \x1b[31malert\x1b[0m [bold]markup[/bold] \u202ereversed", "ok")
    for command in (("pages",), ("recall", "markup"), ("recall", "markup", "--context", "100")):
        done = run(*command)
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
        assert "[bold]markup[/bold]" in done.out


# ── forgetting ───────────────────────────────────────────────────────────────────────────────────


def test_forget_asks_first(run: Run, tom: str) -> None:
    done = run("forget", "--everything", stdin="n\n")
    assert done.code == 1
    assert "19 pages of tom" in done.err
    assert run("stats", "--json").json[0]["pages"] == 19
    done = run("forget", "--everything", stdin="y\n")
    assert done.code == 0
    assert "Receipt" in done.out
    assert "pages erased" in done.out
    assert run("pages", "--user", "tom", "--json").json == []


def test_nobody_to_ask_forgets_nothing(run: Run, tom: str) -> None:
    assert run("forget", "--everything", stdin="").code == 1
    done = run("forget", "--everything", "--json", stdin="")
    assert done.code == 2
    assert "--yes" in done.err
    assert run("stats", "--json").json[0]["pages"] == 19


@pytest.mark.parametrize("what", ["page", "knowledge", "session", "before"])
def test_each_thing_can_be_forgotten(run: Run, tom: str, what: str) -> None:
    id_ = {
        "page": run("pages", "--json").json[0]["id"],
        "knowledge": run("profile", "--json").json["knowledge"][0]["id"],
        "session": "intro",
        "before": "2025-05-03",
    }[what]
    receipt = run("forget", f"--{what}", id_, "--yes", "--json").json
    assert receipt["request"] == what
    assert sum(receipt["erased"].values()) > 0


def test_what_to_forget_is_named_exactly_once(run: Run, tom: str) -> None:
    for arguments in ((), ("--everything", "--session", "intro")):
        done = run("forget", *arguments, "--yes")
        assert done.code == 2
        assert "exactly one" in done.err
    assert run("forget", "--page", "p0").code == 1


def test_receipts_say_whether_anything_came_back(run: Run, tom: str) -> None:
    assert "Nothing was forgotten yet" in run("receipts").out
    page = run("pages", "--json").json[0]
    run("export", "before.jsonl")
    receipt = run("forget", "--page", page["id"], "--yes", "--json").json
    done = run("receipts")
    assert (done.code, receipt["id"] in done.out, "nothing" in done.out) == (0, True, True)
    run("import", "before.jsonl")
    done = run("receipts", "--json")
    assert done.code == 1
    assert done.json[0]["remains"]["page_ids"] == [page["id"]]
    assert page["id"] in run("receipts").out


def test_a_fact_that_was_superseded_is_restored(run: Run) -> None:
    for town in ("Lisbon", "Porto"):
        assert run("remember", town, "--attribute", "home", "--user", "tom").code == 0
    assert run("profile", "--json").json["profile"]["user"]["home"] == "Porto"
    (old,) = run("profile", "--status", "superseded", "--json").json["knowledge"]
    assert "Lisbon" in run("restore", old["id"]).out
    assert run("profile", "--json").json["profile"]["user"]["home"] == "Lisbon"
    assert run("restore", "k0").code == 1


def test_a_memory_of_nothing_but_a_stated_fact_is_a_memory(run: Run) -> None:
    run("remember", "Lisbon", "--attribute", "home", "--user", "tom")
    assert "Lisbon" in run("profile").out  # the only user need not be named
    assert run("doctor").code == 0
    assert run("forget", "--everything", "--yes").code == 0
    assert run("stats", "--json").json == []


# ── in and out ───────────────────────────────────────────────────────────────────────────────────


def test_an_export_comes_back_as_it_was(run: Run, tom: str) -> None:
    assert run("export", "tom.export.jsonl").code == 0
    assert run("export", "tom.export.jsonl").code == 2  # not over a file that is there
    assert run("export", "tom.export.jsonl", "--force", "--json").json["lines"] > 19
    done = run("import", "tom.export.jsonl", "--db", "copy.db")
    assert done.code == 0
    assert "19 new pages for tom" in done.out
    for command in ("pages", "profile"):
        assert run(command, "--json").out == run(command, "--json", "--db", "copy.db").out
    assert "0 new pages" in run("import", "tom.export.jsonl", "--db", "copy.db").out
    run("import", "tom.export.jsonl", "--db", "copy.db", "--user", "twin")
    assert run("stats", "--db", "copy.db", "--user", "twin", "--json").json[0]["pages"] == 19


def test_rebuild_changes_nothing_that_is_right(run: Run, tom: str) -> None:
    run("remember", "Tom", "--attribute", "name")
    known = run("profile", "--json").json
    done = run("rebuild", "--dry-run")
    assert done.code == 0
    assert "tom / assistant" in done.out
    (changed,) = run("rebuild", "--json").json
    assert changed["user_id"] == "tom"
    for item in (found := run("profile", "--json").json)["knowledge"] + known["knowledge"]:
        del item["derived"]  # when it was written down, which is now
    assert found == known


def test_rebuild_is_the_way_to_another_embedder(run: Run, tom: str) -> None:
    done = run("recall", "work", "--embedder", "hashing-64")
    assert done.code == 1
    assert "rebuild" in done.err
    assert run("rebuild", "--embedder", "hashing-64").code == 0
    assert run("recall", "work", "--embedder", "hashing-64").code == 0


def test_the_doctor_finds_a_sound_memory_healthy(run: Run, tom: str) -> None:
    done = run("doctor")
    assert done.code == 0
    assert "healthy" in done.out
    report = run("doctor", "--json").json
    assert (report["healthy"], report["pages"], report["findings"]) == (True, 19, [])


def test_the_doctor_repairs_when_told_to(run: Run, tom: str) -> None:
    with sqlite3.connect("memoryos.db") as database:
        taken = database.execute("UPDATE pages SET segment_id = 'nowhere' WHERE segment_id <> ''")
        assert taken.rowcount > 0
    database.close()
    done = run("doctor")
    assert done.code == 1
    assert "--repair" in done.out
    assert run("doctor", "--repair", "--json").json["healthy"] is True
    assert run("doctor").code == 0


def test_a_backup_is_a_database_like_any_other(run: Run, tom: str) -> None:
    assert run("backup", "copy.db").code == 0
    assert run("pages", "--json", "--db", "copy.db").out == run("pages", "--json").out
    done = run("backup", "copy.db")
    assert done.code == 2
    assert "there already" in done.err


def test_a_worker_does_what_is_pending(run: Run) -> None:
    lines = [json.dumps({"user": f"chess game {n}", "agent": "ok"}) for n in range(30)]
    Path("chess.jsonl").write_text("\n".join(lines))
    with Engine.open("sqlite:///memoryos.db", {"promotion": "manual"}) as engine:
        for n in range(30):
            engine.memory("tom").add(f"chess game {n}", "ok")
    assert run("worker", "--once").code == 0
    assert run("stats", "--json").json[0]["waiting"] < 30


def test_a_worker_waits_for_its_model_as_long_as_it_is_told(run: Run) -> None:

    with Engine.open("sqlite:///memoryos.db", {"promotion": "manual"}) as engine:
        for n in range(30):
            engine.memory("tom").add(f"chess game {n}", "ok")
    with OpenAIServer(chat=Reply("late", delay=20)) as server:
        model = ("--model", "any", "--base-url", server.url)
        done = run("worker", "--once", *model, "--timeout", "0.5")
        assert done.code == 1
        assert "within 0.5 s" in done.err
        done = run("worker", "--once", *model, "--context-window", "0")
        assert done.code == 2
        assert "context_window" in done.err


# ── errors ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    [
        "recall x",
        "profile",
        "pages",
        "segments",
        "stats",
        "usage",
        "explain k",
        "export f",
        "receipts",
        "restore k",
    ],
)
def test_a_memory_that_is_not_there_is_one_line_and_no_new_file(run: Run, command: str) -> None:
    done = run(*command.split(), "--db", "nope.db")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "there is no memory at nope.db" in done.err
    assert not Path("nope.db").exists()


def test_errors_of_arguments_end_with_2_and_of_the_database_with_1(run: Run) -> None:
    assert run("add", "").code == 2
    assert run("add", "x", "--time", "soon").code == 2
    assert run("recall").code == 2
    assert run("no-such-command").code == 2
    run("add", "x")
    assert run("recall", "x", "--k", "0").code == 2
    assert run("recall", " ").code == 2
    Path("other.db").write_bytes(b"something else, long enough " * 100)
    done = run("stats", "--db", "other.db")
    assert done.code == 1
    assert done.err.count("\n") == 1
    done = run("add", "x", "--db", "no/such/folder/" + "x" * 300 + "/m.db")
    assert done.code == 1
    assert done.err.count("\n") == 1


def test_a_missing_extra_is_named(run: Run) -> None:
    run("add", "x")
    done = run("recall", "x", "--embedder", "all-MiniLM-L6-v2")
    assert done.code == 1
    assert "sentence-transformers" in done.err


# ── the command itself ───────────────────────────────────────────────────────────────────────────
