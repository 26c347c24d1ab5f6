"""Prefixes that retrieval models expect before a query and before a document."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BGE = "Represent this sentence for searching relevant passages: "
_INSTRUCT = (
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Text put before what is embedded; empty for models that want none."""

    query: str = ""
    document: str = ""


# The first pattern found in the model's name counts. From the models' own cards.
_TABLE = (
    (r"\be5\b.*instruct", Prefixes(f"{_INSTRUCT} ")),
    (r"\be5\b", Prefixes("query: ", "passage: ")),
    (r"bge-m3", Prefixes()),
    (r"bge-.*zh", Prefixes("为这个句子生成表示以用于检索相关文章：")),
    (r"bge-.*en\b", Prefixes(_BGE)),
    (r"nomic-embed-text|modernbert-embed", Prefixes("search_query: ", "search_document: ")),
    (r"mxbai-embed", Prefixes(_BGE)),
    (r"arctic-embed.*v2", Prefixes("query: ")),
    (r"arctic-embed", Prefixes(_BGE)),
    (r"qwen3-embedding", Prefixes(_INSTRUCT)),
    (r"embeddinggemma", Prefixes("task: search result | query: ", "title: none | text: ")),
)


def prefixes_of(model: str) -> Prefixes | None:
    """Return the prefixes that the model of this name or path wants; None where it is not known."""
    name = model.lower().replace("_", "-")
    return next((found for pattern, found in _TABLE if re.search(pattern, name)), None)
