"""LlamaIndex's VectorMemoryBlock over its simple vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.memory import VectorMemoryBlock
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.vector_stores import SimpleVectorStore
from pydantic import PrivateAttr

from benchmarks.locomo.data import Conversation
from benchmarks.locomo.systems.system import MOST_PAGES, RankedReader, Reader
from memoryos.ports import Embedder, TokenCounter

_ROLES = ("user", "assistant")


class LlamaIndexSystem:
    """`VectorMemoryBlock`: each pair of messages is put at once, as `Memory` flushes them."""

    name = "LlamaIndex VectorMemoryBlock"

    def __init__(self, embedder: Embedder, count: TokenCounter) -> None:
        self._embeddings = LlamaIndexEmbedding(embedder)
        self._count = count

    @contextmanager
    def read(self, conversation: Conversation) -> Iterator[Reader]:
        """Put the pairs; what a question retrieves is seen by a postprocessor."""
        seen = _Seen()
        block = VectorMemoryBlock(
            vector_store=_KeepsText(),
            embed_model=self._embeddings,
            similarity_top_k=MOST_PAGES,
            node_postprocessors=[seen],
        )
        position: dict[str, int] = {}
        with closing(asyncio.new_event_loop()) as loop:
            for number, page in enumerate(conversation.pages):
                sides = list(zip(_ROLES, page.turns, strict=False))
                messages = [ChatMessage(content=turn.line, role=role) for role, turn in sides]
                loop.run_until_complete(block.aput(messages))
                lines = [f"<message role='{role}'>{turn.line}</message>" for role, turn in sides]
                position.setdefault("\n".join(lines), number)

            def rank(question: str) -> Iterable[tuple[int, str]]:
                loop.run_until_complete(block.aget([ChatMessage(content=question, role="user")]))
                return [(position[text], text) for text in seen.texts]

            yield RankedReader(rank, self._count)


class _KeepsText(SimpleVectorStore):
    """The simple vector store, made to keep the nodes as a server's would."""

    stores_text: bool = True
    _nodes: dict[str, Any] = PrivateAttr(default_factory=dict)

    def add(self, nodes: Any, **options: Any) -> list[str]:
        """Keep the nodes beside their vectors."""
        self._nodes.update({node.node_id: node for node in nodes})
        return super().add(nodes, **options)

    def query(self, query: Any, **options: Any) -> Any:
        """Return the nodes that were found."""
        result = super().query(query, **options)
        result.nodes = [self._nodes[id_] for id_ in result.ids or ()]
        return result


class _Seen(BaseNodePostprocessor):
    """Notes the texts that were retrieved, best first."""

    texts: list[str] = []  # noqa: RUF012  # a pydantic field

    def _postprocess_nodes(
        self,
        nodes: list[NodeWithScore],
        query_bundle: QueryBundle | None = None,  # noqa: ARG002  # the given signature
    ) -> list[NodeWithScore]:
        self.texts = [node.get_content() for node in nodes]
        return nodes


class LlamaIndexEmbedding(BaseEmbedding):
    """The benchmark's embedder as LlamaIndex wants it."""

    _embedder: Any = PrivateAttr()

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(model_name=embedder.name)
        self._embedder = embedder

    def _get_text_embedding(self, text: str) -> list[float]:
        row: list[float] = self._embedder.embed_documents([text])[0].tolist()
        return row

    def _get_query_embedding(self, query: str) -> list[float]:
        row: list[float] = self._embedder.embed_query(query).tolist()
        return row

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)
