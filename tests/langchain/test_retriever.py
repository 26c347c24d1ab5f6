"""The retriever, by LangChain's own suite and in a chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import ConfigurableField, RunnableLambda, RunnablePassthrough
from langchain_tests.integration_tests import RetrieversIntegrationTests

from memoryos import Engine
from memoryos.errors import EngineClosed, InvalidInput, StorageError
from memoryos_integrations.langchain import MemoryOSRetriever

CONFIG = {"promotion": "manual", "heat_threshold": 0.0}
TURNS = [
    ("My cat is called Minka.", "What a lovely name."),
    ("I work as a nurse in Lisbon.", "That must be hard work."),
    ("My sister Ana plays the cello.", "In an orchestra?"),
    ("Tomorrow I fly to Oslo.", "Have a good flight."),
    ("I am allergic to peanuts.", "I will keep that in mind."),
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine.open("sqlite:///:memory:", CONFIG) as opened:
        memory = opened.memory("tom")
        memory.add_many(TURNS)
        memory.session("other").add("The cello lesson is on Friday.", "Noted.", metadata={"a": 1})
        opened.memory("eve").add("My cat is called Felix.", "Ah.")
        yield opened


class TestMemoryOSRetriever(RetrieversIntegrationTests):
    @pytest.fixture(autouse=True)
    def _with_engine(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return MemoryOSRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"engine": self.engine, "user_id": "tom"}

    @property
    def retriever_query_example(self) -> str:
        return "What is the cat called?"


def first(documents: list[Document]) -> str:
    return documents[0].page_content


def test_documents_say_where_they_come_from(engine: Engine) -> None:
    (document,) = MemoryOSRetriever(engine, "tom", 1).invoke("When is the cello lesson?")
    assert document.page_content == "The cello lesson is on Friday.\nNoted."
    page = engine.memory("tom").page(document.metadata["page_id"])
    assert document.id == page.id
    assert document.metadata["session_id"] == "other"
    assert document.metadata["timestamp"] == page.timestamp.isoformat()
    assert document.metadata["tier"] == "short"
    assert document.metadata["a"] == 1
    assert 0 < document.metadata["relevance"] <= 1


def test_no_user_sees_another_users_pages(engine: Engine) -> None:
    found = MemoryOSRetriever(engine, "tom", k=50).invoke("cat called Felix")
    assert len(found) == 6
    assert all("Felix" not in document.page_content for document in found)
    assert "Felix" in first(MemoryOSRetriever(engine, "eve").invoke("cat"))


def test_a_rag_chain_with_k_per_call(engine: Engine, chat: Any) -> None:
    model = chat()
    retriever = MemoryOSRetriever(engine, "tom").configurable_fields(k=ConfigurableField(id="k"))
    prompt = ChatPromptTemplate.from_template("{context}\n\n{question}")
    join = RunnableLambda(lambda documents: "\n".join(d.page_content for d in documents))
    chain = (
        {"context": retriever | join, "question": RunnablePassthrough()}
        | prompt
        | model
        | StrOutputParser()
    )
    chain.invoke("What is the cat called?", {"configurable": {"k": 1}})
    prompted = str(model.prompts[-1][0].text)
    assert "Minka" in prompted
    assert "peanuts" not in prompted
    chain.invoke("What is the cat called?", {"configurable": {"k": 6}})
    assert "peanuts" in str(model.prompts[-1][0].text)
    assert len(MemoryOSRetriever(engine, "tom").bind(k=2).invoke("cat")) == 2


async def test_k_per_call_in_asyncio(engine: Engine) -> None:
    retriever = MemoryOSRetriever(engine, "tom")
    assert len(await retriever.ainvoke("cat", None, k=2)) == 2
    assert [len(found) for found in await retriever.abatch(["cat", "cello"])] == [4, 4]


def test_sessions_and_metadata_narrow_it(engine: Engine) -> None:
    here = MemoryOSRetriever(engine, "tom", session_id="other", score_threshold=0).invoke("cat")
    assert [d.metadata["session_id"] for d in here] == ["other"]
    marked = MemoryOSRetriever(engine, "tom", filter={"a": 1}, score_threshold=0).invoke("cat")
    assert len(marked) == 1


def test_tiers(engine: Engine) -> None:
    memory = engine.memory("tom")
    for number in range(12):
        memory.add(f"I love playing chess with my friend Bob, game {number}.", "Chess is fun.")
    memory.flush()
    memory.remember("Tom plays chess with Bob.")
    query = "Who plays chess?"
    newest = {page.id for page in memory.short_term()}
    for tiers in (("short",), ("mid",), ("long",), ("short", "mid", "long")):
        found = MemoryOSRetriever(engine, "tom", k=5, tiers=tiers).invoke(query)
        assert found
        assert {d.metadata["tier"] for d in found} <= set(tiers)
        # Short-term memory is the newest pages, filed or not.
        assert all((d.metadata["tier"] == "short") == (d.id in newest) for d in found)
    both = MemoryOSRetriever(engine, "tom", k=4, tiers=("mid", "long")).invoke(query)
    assert [d.metadata["tier"] for d in both][:2] == ["mid", "long"]
    known = next(d for d in both if d.metadata["tier"] == "long")
    assert known.page_content in [item.text for item in memory.knowledge()]


def test_short_term_is_of_each_session(engine: Engine) -> None:
    for session in ("monday", "tuesday"):
        memory = engine.memory("eva", session_id=session)
        for number in range(8):
            memory.add(f"Chess on {session}, game {number}.", "Fun.")
    memory.flush()
    newest = {
        p.id for s in ("monday", "tuesday") for p in engine.memory("eva", session_id=s).short_term()
    }
    found = MemoryOSRetriever(engine, "eva", k=16, tiers=("short",)).invoke("chess")
    assert {d.id for d in found} == newest
    assert len(newest) == 14


def test_arguments_that_cannot_be(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="k must"):
        MemoryOSRetriever(engine, "tom", 0)
    with pytest.raises(InvalidInput, match="k must"):
        MemoryOSRetriever(engine, "tom").invoke("cat", None, k="many")
    with pytest.raises(ValueError, match="tiers"):
        MemoryOSRetriever(engine, "tom", tiers=("top",))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="user_id"):
        MemoryOSRetriever(engine, "")
    assert MemoryOSRetriever(engine, "tom").invoke("  ") == []


def test_a_memory_that_is_away(engine: Engine, caplog: Any, away: Any) -> None:
    retriever, strict = MemoryOSRetriever(engine, "tom"), None
    strict = MemoryOSRetriever(engine, "tom", on_error="raise")
    away()
    assert retriever.invoke("cat") == retriever.invoke("cello") == []
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    with pytest.raises(StorageError):
        strict.invoke("cat")
    engine.close()
    with pytest.raises(EngineClosed):
        retriever.invoke("cat")


async def test_filter_and_threshold_for_all_calls_and_for_one(engine: Engine) -> None:
    memory = engine.memory("tom")
    memory.add("My cat is called Minka", "Nice", metadata={"room": "a"})
    memory.add("My cat eats fish", "Good", metadata={"room": "b"})
    retriever = MemoryOSRetriever(engine, "tom", filter={"room": "a"})
    assert [d.metadata["room"] for d in retriever.invoke("my cat")] == ["a"]
    assert [d.metadata["room"] for d in retriever.invoke("my cat", filter={"room": "b"})] == ["b"]
    assert [d.metadata["room"] for d in await retriever.ainvoke("cat", filter={"room": "b"})] == [
        "b"
    ]
    found = MemoryOSRetriever(engine, "tom").invoke("What is my cat called? Minka")
    best = max(d.metadata["relevance"] for d in found)
    strict = MemoryOSRetriever(engine, "tom", score_threshold=best)
    assert {d.metadata["relevance"] for d in strict.invoke("What is my cat called? Minka")} == {
        best
    }
    assert len(strict.invoke("What is my cat called? Minka", score_threshold=0)) == len(found)
    assert strict.invoke("asdf qwer zxcv") == []
    for wrong in (2, -0.1, True, "high"):
        with pytest.raises(InvalidInput, match="score_threshold"):
            strict.invoke("cat", score_threshold=wrong)
    with pytest.raises(InvalidInput):
        MemoryOSRetriever(engine, "tom", score_threshold=1.5)


async def test_a_call_names_the_user_in_its_configuration(engine: Engine) -> None:
    for user, cat in (("kim", "Minka"), ("lou", "Felix")):
        engine.memory(user).add(f"My cat is called {cat}.", "A fine name.")
    retriever = MemoryOSRetriever(engine, "nobody").configurable_fields(
        user_id=ConfigurableField(id="user_id")
    )
    for user, cat in (("kim", "Minka"), ("lou", "Felix")):
        config: Any = {"configurable": {"user_id": user}}
        for found in (retriever.invoke("cat", config), await retriever.ainvoke("cat", config)):
            assert [cat in document.page_content for document in found] == [True]
    assert retriever.invoke("cat") == []
