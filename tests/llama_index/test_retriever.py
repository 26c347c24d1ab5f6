"""MemoryOSRetriever in query engines, with what its nodes tell."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone

import pytest
from llama_index.core import QueryBundle
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import MetadataMode
from llama_index.core.tools import QueryEngineTool, RetrieverTool
from llama_index_doubles import ask, texts

from memoryos import Message
from memoryos.errors import InvalidInput
from memoryos_integrations.llama_index import MemoryOSMemory, MemoryOSRetriever


@pytest.fixture
def filled(engine):
    memory = engine.memory("tom", session_id="old")
    for number in range(20):
        memory.add(f"I live in Braga, day {number}", "Good to know", f"2026-01-{number + 1:02}")
    memory.add("My dog is called Biscuit", "Sweet", "2026-02-01T10:00:00+00:00", {"mood": "good"})
    memory.flush()
    return memory


def test_a_query_engine_answers_from_memory(engine, filled, llm):
    query_engine = RetrieverQueryEngine.from_args(MemoryOSRetriever(engine, "tom"), llm=llm)
    for answer in (
        query_engine.query("What is my dog called?"),
        asyncio.run(query_engine.aquery("What is my dog called?")),
    ):
        assert str(answer) == "text text text"
        best = answer.source_nodes[0]
        assert best.text == "User: My dog is called Biscuit\nAssistant: Sweet"
        assert len(answer.source_nodes) == 4
    shown = texts(llm.last_chat_messages)
    assert "Biscuit" in shown
    assert "time: 2026-02-01T10:00:00+00:00" in shown
    assert "reasons" not in shown


def test_node_metadata(engine, filled):
    nodes = MemoryOSRetriever(engine, "tom", similarity_top_k=6).retrieve(
        "In which town do I live? Braga"
    )
    assert all(0 <= node.score <= 1 for node in nodes)
    out = next(n for n in nodes if n.metadata["segment"])
    page = filled.page(out.node_id)
    assert out.metadata == {
        "kind": "page",
        "time": page.timestamp.isoformat(),
        "page": page.id,
        "session": "old",
        "segment": page.segment_id,
        "chain": page.chain_id,
        "reasons": out.metadata["reasons"],
        "sources": [page.id],
    }
    assert datetime.fromisoformat(out.metadata["time"]).tzinfo == timezone.utc
    assert out.metadata["reasons"]
    assert all(isinstance(reason, str) for reason in out.metadata["reasons"])
    (dog,) = MemoryOSRetriever(engine, "tom", similarity_top_k=1).retrieve("dog Biscuit")
    assert dog.metadata["mood"] == "good"
    assert "mood" not in dog.node.get_content(MetadataMode.LLM)
    assert dog.node.get_content(MetadataMode.EMBED) == dog.text


def test_facts_as_nodes_with_their_sources(engine, filled):
    both = MemoryOSRetriever(engine, "tom", tiers=("pages", "knowledge"))
    facts = [n for n in both.retrieve("Where do I live?") if n.metadata["kind"] == "knowledge"]
    fact = next(n for n in facts if "Braga" in n.text)
    sources = [filled.page(page_id) for page_id in fact.metadata["sources"]]
    assert sources
    assert all("Braga" in page.user_input for page in sources)
    assert fact.metadata["owner"] == "user"
    assert fact.metadata["quotes"]
    assert filled.explain(fact.node_id)
    only = MemoryOSRetriever(engine, "tom", tiers=["knowledge"]).retrieve("Where do I live?")
    assert {n.metadata["kind"] for n in only} == {"knowledge"}


def test_users_are_apart_and_where_narrows(engine, filled):
    assert MemoryOSRetriever(engine, "anna").retrieve("dog") == []
    early = MemoryOSRetriever(engine, "tom", similarity_top_k=30, where={"before": "2026-01-03"})
    assert len(early.retrieve("Braga")) == 2


def test_odd_queries(engine, filled):
    retriever = MemoryOSRetriever(engine, "tom")
    for odd in ("", "  ", "\x00"):
        assert retriever.retrieve(odd) == []
    assert retriever.retrieve(QueryBundle("word " * 500_000)) is not None
    assert asyncio.run(retriever.aretrieve(QueryBundle("dog")))


def test_pages_without_words_are_no_nodes(engine):
    memory = engine.memory("tom")
    memory.add_messages([Message("system", "Be kind")])
    memory.add("Hello", "Hi")
    assert MemoryOSRetriever(engine, "tom").retrieve("kind") == []
    assert len(MemoryOSRetriever(engine, "tom", min_relevance=0).retrieve("kind")) == 1


def test_in_chat_engines_tools_and_fusion(engine, filled, llm):
    retriever = MemoryOSRetriever(engine, "tom")
    memory = MemoryOSMemory(engine, "anna", "s")
    chat = ContextChatEngine.from_defaults(retriever=retriever, llm=llm, memory=memory)
    for way in ("chat", "achat"):
        ask(chat, way, "What is my dog called?")
        assert "Biscuit" in texts(llm.last_chat_messages)
    tool = RetrieverTool.from_defaults(retriever, description="memory")
    assert "Biscuit" in tool("dog").content
    assert "Biscuit" in asyncio.run(tool.acall("dog")).content
    query_tool = QueryEngineTool.from_defaults(RetrieverQueryEngine.from_args(retriever, llm=llm))
    assert query_tool("dog").content == "text text text"
    fusion = QueryFusionRetriever([retriever], llm=llm, num_queries=1, use_async=False)
    assert fusion.retrieve("dog Biscuit")[0].text.startswith("User: My dog")


def test_arguments(engine, sqlite_uri):
    for wrong in ({"tiers": ()}, {"tiers": "pages"}, {"tiers": ("x",)}):
        with pytest.raises(InvalidInput):
            MemoryOSRetriever(engine, "tom", **wrong)
    with pytest.raises(InvalidInput, match="user_id"):
        MemoryOSRetriever(engine)
    with pytest.raises(InvalidInput, match="where"):
        MemoryOSRetriever(engine, "tom", where="x").retrieve("dog")
    assert MemoryOSRetriever(storage_uri=sqlite_uri, user_id="tom").retrieve("x") == []


def test_how_many_it_returns_is_called_what_llama_index_calls_it(engine):
    for n in range(6):
        engine.memory("tom").add(f"Biscuit chased cat number {n}", f"Cat {n} ran")
    retriever = MemoryOSRetriever(engine, "tom", similarity_top_k=2)
    assert len(retriever.retrieve("Which cat did Biscuit chase?")) == 2
    retriever.similarity_top_k = 3
    assert len(retriever.retrieve("Which cat did Biscuit chase?")) == 3
    for wrong in (0, -1, True, "4", None):
        with pytest.raises(InvalidInput, match="similarity_top_k"):
            retriever.similarity_top_k = wrong
        with pytest.raises(InvalidInput, match="similarity_top_k"):
            MemoryOSRetriever(engine, "tom", wrong)
