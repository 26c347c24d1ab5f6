"""A recall as a run of a retriever, which LangSmith and other tracers of LangChain show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.runnables.config import get_callback_manager_for_config

from memoryos import Recall
from memoryos_integrations.langchain.retriever import documents_of

_NAME = "MemoryOS"


@contextmanager
def retriever_run(query: str, config: RunnableConfig | None) -> Iterator[Callable[[Recall], None]]:
    """Tell the callbacks of a run that a retriever is at work; what is yielded takes its result.

    config: the run's; None takes that of the surrounding run.
    """
    manager = get_callback_manager_for_config(ensure_config(config))
    if not manager.handlers:
        yield lambda _: None
        return
    run = manager.on_retriever_start({"name": _NAME}, query, name=_NAME)
    found: list[Recall] = []
    try:
        yield found.append
    except Exception as error:
        run.on_retriever_error(error)
        raise
    run.on_retriever_end([document for recall in found for document in documents_of(recall)])
