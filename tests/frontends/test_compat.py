"""The published package's class: programs written for it run unchanged."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memoryos import Engine, Memoryos
from memoryos.errors import EmbedderMismatch, InvalidInput, MemoryOSError, ModelUnavailable
from memoryos.testing.openai_server import OpenAIServer, Reply

TOM = ("Hi! I'm Tom, I work as a data scientist in San Francisco.", "Hello Tom! Nice to meet you.")
KEYS = {
    "page": {"user_input", "agent_response", "timestamp", "meta_info", "page_id"},
    "knowledge": {"knowledge", "timestamp"},
    "session": {
        "id",
        "summary",
        "summary_keywords",
        "details",
        "L_interaction",
        "R_recency",
        "N_visit",
        "H_segment",
        "timestamp",
        "last_visit_time",
    },
}


@pytest.fixture
def memo(tmp_path: Path) -> Iterator[Memoryos]:
    with Memoryos("tom", "", str(tmp_path / "data")) as memo:
        yield memo


def chat(memo: Memoryos, turns: int) -> None:
    for n in range(turns):
        memo.add_memory(f"The weather on day {n} is fine.", "Good to hear.")


QUICK_START = """
import os
from memoryos import Memoryos

memo = Memoryos(
    user_id="demo_user",
    openai_api_key="",
    openai_base_url="",
    data_storage_path="./simple_demo_data",
    llm_model="gpt-4o-mini",
    assistant_id="demo_assistant",
    short_term_capacity=7,
    mid_term_heat_threshold=5,
    retrieval_queue_capacity=7,
    long_term_knowledge_capacity=100,
    embedding_model_name="BAAI/bge-m3",
)
memo.add_memory(
    user_input="Hi! I'm Tom, I work as a data scientist in San Francisco.",
    agent_response="Hello Tom! Nice to meet you. Data science is such an exciting field.",
)
print(memo.get_response(query="What do you remember about my job?"))
"""


def test_the_published_quick_start_runs_offline_and_knows_the_job(
    tmp_path: Path, root: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUICK_START],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(root / ".ci" / "offline")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "data scientist" in done.stdout
    assert "San Francisco" in done.stdout
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["simple_demo_data"]
    assert {path.name for path in (tmp_path / "simple_demo_data").iterdir()} == {"memoryos.db"}


def test_positional_arguments_stand_where_they_did(tmp_path: Path) -> None:
    with Memoryos("tom", "", str(tmp_path), "", "helper", 3, 50, 20, 5, 4.0, 0.5, "m") as memo:
        assert memo.assistant_id == "helper"
        assert memo.short_term_memory.max_capacity == 3
        assert memo.mid_term_memory.max_capacity == 50
        assert memo.retriever.retrieval_queue_capacity == 5
        assert memo.mid_term_heat_threshold == 4.0
        assert memo.mid_term_similarity_threshold == 0.5
        assert memo.llm_model == "m"


def test_the_tiers_have_the_published_fields(memo: Memoryos) -> None:
    memo.add_memory(*TOM, timestamp="2025-05-01 09:30:00", meta_data={"from": "test"})
    for n in range(30):
        memo.add_memory(f"I play chess on day {n} of the month.", "Chess is a fine game.")
    turns = memo.short_term_memory.get_all()
    assert len(turns) == 10
    assert set(turns[0]) == {"user_input", "agent_response", "timestamp"}
    assert memo.short_term_memory.is_full()

    sessions = memo.mid_term_memory.sessions
    assert sessions
    for id_, session in sessions.items():
        assert session["id"] == id_
        assert set(session) >= KEYS["session"]
        assert all(set(page) >= KEYS["page"] for page in session["details"])
    assert [id_ for _, id_ in memo.mid_term_memory.heap] == list(sessions)
    heats = [-heat for heat, _ in memo.mid_term_memory.heap]
    assert heats == sorted(heats, reverse=True)
    details = [page for session in sessions.values() for page in session["details"]]
    first = next(page for page in details if page["user_input"] == TOM[0])
    assert first["timestamp"] == "2025-05-01 09:30:00"
    assert memo.mid_term_memory.get_page_by_id(first["page_id"])["user_input"] == TOM[0]
    assert memo.mid_term_memory.get_page_by_id("no such page") is None
    assert memo.mid_term_memory.search_sessions("data scientist")[0]["matched_pages"]
    json.dumps(sessions)


def test_forcing_the_analysis_fills_long_term_memory(memo: Memoryos) -> None:
    memo.add_memory(*TOM)
    assert memo.get_user_profile_summary() == "None"
    assert memo.user_long_term_memory.get_user_profile_data("tom") == {}
    chat(memo, 10)
    memo.force_mid_term_analysis()
    assert memo.get_user_profile_summary() == "None"  # no model: quoted, not asserted
    memo.memory.remember("data scientist", attribute="job")
    profile = memo.get_user_profile_summary()
    assert "data scientist" in profile
    assert memo.user_long_term_memory.get_user_profile_data("tom")["data"] == profile
    known = memo.user_long_term_memory.get_user_knowledge()
    assert all(set(entry) >= KEYS["knowledge"] for entry in known)
    assert any("data scientist" in entry["knowledge"] for entry in known)
    assert memo.user_long_term_memory.search_user_knowledge("job", top_k=1)
    assert memo.get_assistant_knowledge_summary() == []
    stats = memo.get_memory_stats()
    assert stats["user_id"] == "tom"
    assert stats["short_term_count"] == 10
    assert stats["mid_term_sessions_count"] == 1
    assert stats["has_user_profile"] is True
    assert stats["assistant_knowledge_count"] == 0


def test_retrieval_has_the_published_fields(memo: Memoryos) -> None:
    memo.add_memory(*TOM)
    chat(memo, 12)
    memo.updater.process_short_term_to_mid_term()
    found = memo.retriever.retrieve_context(user_query="My work as a scientist", user_id="tom")
    assert set(found) == {
        "retrieved_pages",
        "retrieved_user_knowledge",
        "retrieved_assistant_knowledge",
        "retrieved_at",
    }
    page = found["retrieved_pages"][0]
    assert set(page) >= KEYS["page"]
    assert page["user_input"] == TOM[0]
    assert page["meta_info"]
    assert page["reasons"]


def test_another_users_id_gives_nothing(memo: Memoryos) -> None:
    memo.add_memory(*TOM)
    memo.force_mid_term_analysis()
    assert memo.user_long_term_memory.get_raw_user_profile("ann") == "None"
    with pytest.raises(InvalidInput, match="Memoryos for each user"):
        memo.retriever.retrieve_context("job", "ann")


@pytest.mark.parametrize("id_", ["../../etc", "a/b", "..", "C:\\x", "tom\x00", "🙂", "x" * 300])
def test_ids_are_keys_never_paths(tmp_path: Path, id_: str) -> None:
    data = tmp_path / "data"
    with Memoryos(id_, "", str(data), assistant_id=id_) as memo:
        memo.add_memory("hello", "hi")
        assert memo.get_memory_stats()["short_term_count"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert all(path.name.startswith("memoryos.db") for path in data.iterdir())


def test_users_of_one_folder_do_not_see_each_other(tmp_path: Path) -> None:
    with Memoryos("tom", "", tmp_path) as tom, Memoryos("Tom", "", tmp_path) as other:
        tom.add_memory("My secret is 1234", "I will keep it.")
        assert other.retriever.retrieve_context("secret", "Tom")["retrieved_pages"] == []
        assert tom.retriever.retrieve_context("secret", "tom")["retrieved_pages"]


def test_it_is_remembered_when_the_program_ends_without_closing(tmp_path: Path) -> None:
    memo = Memoryos("tom", "", tmp_path)
    memo.add_memory(*TOM)
    retriever = memo.retriever
    del memo
    gc.collect()
    assert retriever.retrieve_context("job", "tom")["retrieved_pages"]  # its parts keep it open
    del retriever
    gc.collect()
    with Memoryos("tom", "", tmp_path) as again:
        assert again.short_term_memory.get_all()[0]["user_input"] == TOM[0]


def test_a_model_answers_from_the_memory(tmp_path: Path) -> None:
    with (
        OpenAIServer(chat="You are a data scientist.") as server,
        Memoryos(
            "tom", "key", tmp_path, server.url, llm_model="any", embedding_model_name=""
        ) as memo,
    ):
        memo.add_memory(*TOM)
        answer = memo.get_response(
            "What is my job?",
            relationship_with_user="colleague",
            style_hint="brief",
            user_conversation_meta_data={"place": "office"},
        )
        assert answer == "You are a data scientist."
        asked = json.dumps(server.requests[-1].body["messages"], ensure_ascii=False)
        assert "San Francisco" in asked
        assert "colleague" in asked
        assert "office" in asked
        assert len(memo.short_term_memory.get_all()) == 2


def test_a_dead_endpoint_loses_nothing(tmp_path: Path) -> None:
    with OpenAIServer(chat="x") as server:
        url = server.url
    with Memoryos("tom", "key", tmp_path, url, llm_model="any", embedding_model_name="") as memo:
        memo.add_memory(*TOM)
        with pytest.raises(ModelUnavailable):
            memo.get_response("What is my job?")
        assert [turn["user_input"] for turn in memo.short_term_memory.get_all()] == [TOM[0]]


def test_an_embedder_that_is_not_there_is_replaced_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "memoryos.frontends.compat"):
        memo = Memoryos("tom", "", tmp_path, embedding_model_name="/no/such/folder")
    with memo:
        memo.add_memory(*TOM)
    assert "embedding_model_name" in caplog.text
    with Engine.open(f"sqlite:///{tmp_path / 'memoryos.db'}") as engine:  # the usual embedder
        assert engine.memory("tom", "default_assistant_profile").stats().pages == 1


def test_settings_are_checked_under_their_published_names(tmp_path: Path) -> None:
    for name, value in (
        ("short_term_capacity", 0),
        ("mid_term_capacity", -1),
        ("long_term_knowledge_capacity", "many"),
        ("retrieval_queue_capacity", 0),
        ("mid_term_heat_threshold", "hot"),
        ("mid_term_similarity_threshold", None),
        ("data_storage_path", ""),
        ("user_id", ""),
        ("openai_api_key", 5),
        ("embedding_model_kwargs", 5),
    ):
        settings: dict[str, Any] = {
            "user_id": "tom",
            "openai_api_key": "",
            "data_storage_path": str(tmp_path),
            name: value,
        }
        with pytest.raises(InvalidInput, match=name):
            Memoryos(**settings)


def test_a_data_path_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MemoryOSError, match="data_storage_path"):
        Memoryos("tom", "", tmp_path / "file")


def test_data_of_the_published_package_is_pointed_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "users" / "tom").mkdir(parents=True)
    with Memoryos("tom", "", tmp_path):
        pass
    assert "memoryos import --format memoryos" in caplog.text


def test_a_store_keeps_the_embedder_it_has(tmp_path: Path) -> None:
    with Memoryos("tom", "", tmp_path) as memo:
        memo.add_memory(*TOM)
        memo.force_mid_term_analysis()
    with (
        OpenAIServer(chat="x") as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("OPENAI_API_KEY", "key")
        patch.setenv("OPENAI_BASE_URL", server.url)
        with Memoryos("tom", "", tmp_path, embedding_model_name="text-embedding-3-small") as memo:
            assert memo.retriever.retrieve_context("job", "tom")["retrieved_pages"]
    with Engine.open(f"sqlite:///{tmp_path / 'other.db'}", embedder="hashing-64") as engine:
        engine.memory("tom").add("x", "y")
        engine.memory("tom").flush()
    (tmp_path / "other.db").rename(tmp_path / "memoryos.db")
    with pytest.raises(EmbedderMismatch):
        Memoryos("tom", "", tmp_path).memory.recall("x")


def test_what_the_model_takes_besides_the_published_settings(tmp_path: Path) -> None:
    with (
        OpenAIServer(chat="You are a data scientist.") as server,
        Memoryos(
            "tom",
            "key",
            tmp_path,
            server.url,
            embedding_model_name="",
            timeout=0.5,
            llm_model_kwargs={"temperature": 0.3, "max_retries": 0, "extra_body": {"think": False}},
        ) as memo,
    ):
        memo.get_response("What is my job?")
        assert server.requests[-1].body["temperature"] == 0.3
        assert server.requests[-1].body["think"] is False
        server.chat = Reply("late", delay=20)
        with pytest.raises(ModelUnavailable, match=r"within 0.5 s"):
            memo.get_response("What is my job?")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": "long"}, "timeout"),
        ({"llm_model_kwargs": 5}, "llm_model_kwargs"),
        ({"llm_model_kwargs": {"warmth": 1}}, "llm_model_kwargs.*warmth"),
        ({"llm_model_kwargs": {"timeout": 1}}, "llm_model_kwargs.*timeout"),
        ({"llm_model_kwargs": {"temperature": 3}}, "temperature"),
    ],
)
def test_what_the_model_does_not_take_is_named(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{named}"):
        Memoryos("tom", "key", tmp_path, embedding_model_name="", **settings)
