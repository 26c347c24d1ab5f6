"""pickle, copies, dicts, strings: which memory it is travels, its content stays where it is."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import subprocess
import sys
import weakref

import pytest
from llama_index.core.workflow import JsonPickleSerializer, JsonSerializer
from llama_index_doubles import user

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput
from memoryos_integrations.llama_index import MemoryOSMemory, MemoryOSMemoryBlock, use_engine
from memoryos_integrations.llama_index.connection import engine_at, location


def roundtrips():
    serializer = JsonSerializer()
    yield "pickle", lambda m: pickle.loads(pickle.dumps(m))
    yield "dict", lambda m: MemoryOSMemory.from_dict(m.to_dict())
    yield "json of dict", lambda m: MemoryOSMemory.from_dict(json.loads(json.dumps(m.to_dict())))
    yield "string", lambda m: MemoryOSMemory.from_string(m.to_string())
    yield "json", lambda m: MemoryOSMemory.from_json(m.to_json())
    yield "model", lambda m: MemoryOSMemory.model_validate(m.model_dump(mode="json"))
    yield "model json", lambda m: MemoryOSMemory.model_validate_json(m.model_dump_json())
    yield "serializer", lambda m: serializer.deserialize(serializer.serialize(m))
    yield (
        "pickle serializer",
        lambda m: JsonPickleSerializer().deserialize(JsonPickleSerializer().serialize(m)),
    )
    yield "copy", copy.copy
    yield "deepcopy", copy.deepcopy
    yield "deepcopy in a dict", lambda m: copy.deepcopy({"m": m})["m"]


@pytest.mark.parametrize(("name", "roundtrip"), [*roundtrips()])
def test_every_way_leads_to_the_same_memory(name, roundtrip, engine):
    memory = MemoryOSMemory(engine, "tom", "s", 77, assistant_id="guide", memory_ratio=0.5)
    memory.put(user("I am here"))
    before = memory.to_dict()
    back = roundtrip(memory)
    assert isinstance(back, MemoryOSMemory)
    assert back.to_dict() == memory.to_dict() == before
    assert back.engine is memory.engine is engine
    assert (back.token_limit, back.assistant_id, back.memory_ratio) == (77, "guide", 0.5)
    back.put(user("And here"))
    assert memory.get_all() == [user("I am here"), user("And here")]
    assert asyncio.run(back.aget()) == memory.get()


def test_a_deepcopy_is_the_memory_itself(memory):
    assert copy.deepcopy(memory) is memory


def test_what_is_serialised_holds_no_message(memory):
    memory.put(user("My secret plan"))
    assert "secret" not in memory.to_string()
    assert b"secret" not in pickle.dumps(memory)
    assert set(memory.to_dict()) == {
        "storage_uri",
        "user_id",
        "assistant_id",
        "session_id",
        "token_limit",
        "memory_ratio",
        "recent_turns",
        "class_name",
    }


def test_an_engine_in_memory_cannot_be_reached_again_and_says_so():
    with Engine.open("sqlite:///:memory:") as engine:
        memory = MemoryOSMemory(engine, "tom", "s")
        memory.put(user("here"))
        assert copy.deepcopy(memory) is memory
        for again in (
            lambda: pickle.loads(pickle.dumps(memory)),
            lambda: MemoryOSMemory.from_dict(memory.to_dict()),
            lambda: MemoryOSMemory.from_string(memory.to_string()),
        ):
            with pytest.raises(InvalidInput, match="only the engine that opened it"):
                again()
        back = MemoryOSMemory.from_dict(memory.to_dict(), engine=engine)
        assert back.get_all() == [user("here")]
        block = MemoryOSMemoryBlock(engine, "tom")
        with pytest.raises(InvalidInput, match="only the engine that opened it"):
            pickle.loads(pickle.dumps(block))


def test_a_relative_path_is_written_down_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    memory = MemoryOSMemory(storage_uri="sqlite:///rel.db", user_id="tom", session_id="s")
    assert memory.storage_uri == f"sqlite:///{tmp_path / 'rel.db'}"
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert MemoryOSMemory.from_dict(memory.to_dict()).engine is memory.engine


def test_no_password_is_written_down():
    assert location("postgresql://tom:s3cret@db.example:5432/m?sslmode=require") == (
        "postgresql://tom@db.example:5432/m?sslmode=require"
    )
    assert location("postgresql://db.example/m") == "postgresql://db.example/m"
    assert location("sqlite://") == "sqlite:///:memory:"


def test_one_engine_per_uri_and_process(sqlite_uri):
    first = MemoryOSMemory(storage_uri=sqlite_uri, user_id="tom")
    second = MemoryOSMemory(storage_uri=sqlite_uri, user_id="anna")
    assert first.engine is second.engine
    assert MemoryOSMemoryBlock(storage_uri=sqlite_uri, user_id="tom").engine is first.engine


def test_an_engine_that_nobody_uses_any_more_is_closed(sqlite_uri):
    memory = MemoryOSMemory(storage_uri=sqlite_uri, user_id="tom")
    memory.put(user("kept"))
    handle = memory.memory_of("s")
    gone = weakref.ref(memory.engine)
    del memory
    gc.collect()
    assert gone() is None
    with pytest.raises(EngineClosed):
        handle.pages()
    again = MemoryOSMemory(storage_uri=sqlite_uri, user_id="tom")
    assert [page.user_input for page in again.memory_of("s").pages()] == ["kept"]


def test_a_closed_engine_is_not_found_again(sqlite_uri):
    with Engine.open(sqlite_uri) as engine:
        data = MemoryOSMemory(engine, "tom", "s").to_dict()
    assert MemoryOSMemory.from_dict(data).engine is not engine


def test_an_engine_with_settings_of_its_own_is_used_when_told(sqlite_uri):
    data = {"user_id": "tom", "session_id": "s", "storage_uri": sqlite_uri}
    with Engine.open(sqlite_uri, config={"top_pages": 3}) as engine:
        assert use_engine(engine) is engine
        assert MemoryOSMemory.from_dict(data).engine is engine
        assert engine_at(sqlite_uri) is engine


def test_a_pickle_travels_to_another_process(memory, tmp_path, root):
    memory.put(user("from here"))
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(memory))
    code = (
        "import pickle, sys; m = pickle.load(open(sys.argv[1], 'rb'));"
        "from llama_index.core.llms import ChatMessage;"
        "m.put(ChatMessage(role='assistant', content='from there'));"
        "print(len(m.get_all())); m.engine.close()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "m.pickle")],
        env={**os.environ, "PYTHONPATH": str(root / ".ci" / "offline")},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.stdout.strip() == "2", done.stderr
    assert memory.get_all()[-1].content == "from there"


def test_unpickling_leaves_the_live_memory_as_it_was(memory):
    pickle.dumps(memory)
    memory.put(user("still works"))
    assert memory.get_all() == [user("still works")]
