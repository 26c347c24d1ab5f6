"""MemoryOSBackend has every verb of deepagents' protocol, and an agent that works with it.

`pytest -m deepagents`, in an environment with the extra `deepagents`; without it they fail.
"""

from __future__ import annotations

import asyncio
import inspect
from importlib.util import find_spec
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos_integrations.langgraph import MemoryOSStore

if find_spec("deepagents"):
    from deepagents import create_deep_agent
    from deepagents.backends import CompositeBackend, StateBackend, StoreBackend
    from deepagents.backends.protocol import BackendProtocol

    from memoryos_integrations.files import MemoryOSBackend

pytestmark = pytest.mark.deepagents


@pytest.fixture
def backend(engine: Engine) -> MemoryOSBackend:
    return MemoryOSBackend(engine, "tom")


def test_no_verb_of_the_protocol_is_left_out() -> None:
    verbs = [
        name
        for name, _ in inspect.getmembers(BackendProtocol, inspect.isfunction)
        if not name.startswith(("_", "a"))
    ]
    assert set(verbs) <= set(vars(MemoryOSBackend))
    assert {"ls", "read", "write", "edit", "delete", "grep", "glob"} <= set(verbs)


def test_every_verb(backend: MemoryOSBackend) -> None:
    assert backend.write("/notes/a.md", "one\ntwo\nthree\n").path == "/notes/a.md"
    assert backend.write("/notes/deep/b.txt", "two again").error is None
    assert [e["path"] for e in backend.ls("/").entries or []] == ["/notes/"]
    listed = backend.ls("/notes").entries or []
    assert [(e["path"], e["is_dir"]) for e in listed] == [
        ("/notes/a.md", False),
        ("/notes/deep/", True),
    ]
    read = backend.read("/notes/a.md", offset=1, limit=1)
    assert read.file_data is not None
    assert (read.file_data["content"], read.start_line, read.next_offset) == ("two\n", 2, 2)
    edited = backend.edit("/notes/a.md", "two", "zwei")
    assert (edited.occurrences, edited.error) == (1, None)
    backend.write("/twice", "x x")
    assert "x" in str(backend.edit("/twice", "x", "y").error)
    assert backend.edit("/twice", "x", "y", replace_all=True).occurrences == 2
    assert [(m["path"], m["line"]) for m in backend.grep("zwei").matches or []] == [
        ("/notes/a.md", 2)
    ]
    assert backend.grep("two", "/notes", "*.md").matches == []
    assert backend.grep("e", max_count=1).truncated
    assert [m["path"] for m in backend.glob("*.txt").matches or []] == ["/notes/deep/b.txt"]
    assert backend.glob("/*.txt", "/notes").matches == []
    assert backend.delete("/notes").path == "/notes"
    assert [e["path"] for e in backend.ls("/").entries or []] == ["/twice"]


def test_what_cannot_be_done_is_an_error_in_the_result(backend: MemoryOSBackend) -> None:
    backend.write("/dir/f", "x")
    assert "does not exist" in str(backend.read("/none").error)
    assert "directory" in str(backend.read("/dir").error)
    assert "directory" in str(backend.write("/dir", "x").error)
    assert "does not exist" in str(backend.edit("/none", "a", "b").error)
    assert "does not exist" in str(backend.delete("/none").error)
    for act in (backend.ls, backend.read, backend.delete):
        assert "leads out" in str(act("/../etc").error)
    assert "leads out" in str(backend.write("/../x", "x").error)
    assert "leads out" in str(backend.grep("x", "/../etc").error)
    assert backend.glob("../*").error is not None
    assert "1,000,001" in str(backend.write("/huge", "x" * 1_000_001).error)
    assert "binary" in str(backend.write("/nul", "\x00").error)


def test_bytes(backend: MemoryOSBackend) -> None:
    raw = b"\x89PNG\x00\xff"
    answers = backend.upload_files([("/p.png", raw), ("/../x", b""), ("/t.txt", "ü".encode())])
    assert [a.error for a in answers] == [None, "invalid_path", None]
    found = backend.download_files(["/p.png", "/t.txt", "/none", "/", "bad"])
    assert [f.content for f in found] == [raw, "ü".encode(), None, None, None]
    assert [f.error for f in found[2:]] == ["file_not_found", "is_directory", "invalid_path"]
    image = backend.read("/p.png").file_data
    assert image is not None
    assert image["encoding"] == "base64"
    assert "binary" in str(backend.edit("/p.png", "a", "b").error)
    assert backend.grep("PNG").matches == []


async def test_the_asynchronous_verbs(backend: MemoryOSBackend) -> None:
    await asyncio.gather(*(backend.awrite(f"/f{n}", f"number {n}") for n in range(20)))
    assert len((await backend.als("/")).entries or []) == 20
    assert len((await backend.agrep("number")).matches or []) == 20
    assert (await backend.adelete("/f1")).error is None
    assert (await backend.aread("/f1")).error is not None


def test_search_by_meaning_and_erasure(engine: Engine, backend: MemoryOSBackend) -> None:
    backend.write("/food.md", "Tom is allergic to peanuts and shellfish.")
    backend.write("/work.md", "Tom repairs violins.")
    assert backend.search("can he eat shrimp?")[0][0] == "/food.md"
    backend.edit("/food.md", "peanuts and shellfish", "nothing")
    assert "peanuts" not in engine.memory("tom").recall("peanuts").text()
    backend.delete("/food.md")
    assert [path for path, _ in backend.search("allergic")] == ["/work.md"]


# ── in agents ────────────────────────────────────────────────────────────────────────────────────


class FakeChat(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def calls(name: str, **args: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": "1", "type": "tool_call"}])


def chat(*answers: AIMessage) -> FakeChat:
    return FakeChat(messages=iter(answers))


def test_a_deep_agent_writes_and_another_run_reads(engine: Engine) -> None:
    def agent(*answers: AIMessage) -> Any:
        routes = {"/memories/": MemoryOSBackend(engine)}
        backend = CompositeBackend(default=StateBackend(), routes=routes)
        return create_deep_agent(chat(*answers), backend=backend)

    write = calls("write_file", file_path="/memories/tom.md", content="Tom likes chess.")
    tom: Any = {"configurable": {"user_id": "tom"}}
    agent(write, AIMessage("Noted.")).invoke({"messages": [("user", "I like chess")]}, tom)
    assert "Tom likes chess." in engine.memory("tom").recall("chess").text()

    read = calls("read_file", file_path="/memories/tom.md")
    again = agent(read, AIMessage("Chess.")).invoke({"messages": [("user", "Well?")]}, tom)
    assert any("Tom likes chess." in message.text for message in again["messages"])
    eve: Any = {"configurable": {"user_id": "eve"}}
    other = agent(read, AIMessage("?")).invoke({"messages": [("user", "Well?")]}, eve)
    assert not any("Tom likes chess." in message.text for message in other["messages"])


async def test_a_run_that_names_nobody(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="whose files"):
        MemoryOSBackend(engine).ls("/")


def test_store_backend_over_the_store(engine: Engine) -> None:
    """deepagents' own StoreBackend: only its content is searched, binary content never."""
    store = MemoryOSStore(engine)
    backend = StoreBackend(store=store, namespace=lambda _: ("users", "tom", "files"))
    backend.write("/memories/a.md", "Tom plays the oboe.")
    backend.upload_files([("/memories/p.png", b"\x89PNG\x00\xff" * 60)])
    texts = sorted(page.text for page in engine.memory("tom").pages())
    assert texts == ["", "Tom plays the oboe."]
    (found, *_) = store.search(("users", "tom"), query="oboe")
    assert found.key == "/memories/a.md"
    assert found.score is not None
    assert found.score > 0.5
    assert "utf-8" not in engine.memory("tom").recall("oboe encoding utf-8").text()
    assert backend.read("/memories/a.md").file_data is not None
    backend.delete("/memories")
    assert store.search(("users", "tom")) == []
    assert "oboe" not in engine.memory("tom").recall("oboe").text()
