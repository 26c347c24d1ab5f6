"""LangChain's vector-store memory over its in-memory vector store."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager

from langchain_classic.memory import VectorStoreRetrieverMemory
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import InMemoryVectorStore

from benchmarks.locomo.data import Conversation
from benchmarks.locomo.systems.system import MOST_PAGES, RankedReader, Reader, held
from memoryos.ports import Embedder, TokenCounter


class LangChainSystem:
    """`VectorStoreRetrieverMemory`: each pair goes in by `save_context`.

    Deprecated by LangChain, and what many programs hold.
    """

    name = "LangChain VectorStoreRetrieverMemory"

    def __init__(self, embedder: Embedder, count: TokenCounter) -> None:
        self._embeddings = LangChainEmbeddings(embedder)
        self._count = count

    def read(self, conversation: Conversation) -> AbstractContextManager[Reader]:
        """Save the pairs one after the other, as a chain would."""
        store = InMemoryVectorStore(self._embeddings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            memory = VectorStoreRetrieverMemory(
                retriever=store.as_retriever(search_kwargs={"k": MOST_PAGES}), return_docs=True
            )
        position: dict[str, int] = {}
        for number, page in enumerate(conversation.pages):
            lines = [turn.line for turn in page.turns] + [""]
            said, answered = {"input": lines[0]}, {"output": lines[1]}
            memory.save_context(said, answered)
            text = "\n".join(f"{key}: {line}" for key, line in {**said, **answered}.items())
            position.setdefault(text, number)

        def rank(question: str) -> Iterable[tuple[int, str]]:
            documents = memory.load_memory_variables({"prompt": question})[memory.memory_key]
            texts = [
                document.page_content for document in documents if not isinstance(document, str)
            ]
            return [(position[text], text) for text in texts]

        return held(RankedReader(rank, self._count))


class LangChainEmbeddings(Embeddings):
    """The benchmark's embedder as LangChain and LangGraph want it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed what is stored."""
        rows: list[list[float]] = self._embedder.embed_documents(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        row: list[float] = self._embedder.embed_query(text).tolist()
        return row
