"""Shows an agent, at each turn, the files that bear on what its user said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware.types import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import HumanMessage, SystemMessage

from memoryos import Engine
from memoryos.errors import InvalidInput
from memoryos.memory.documents import quoted
from memoryos_integrations.files.files import File
from memoryos_integrations.files.whose import FilesOfRuns

_LEAST_RELEVANCE = 0.15
"""With the default embedder small talk has up to 0.1 with any file, "can he eat shrimp?" 0.18 with
"Tom is allergic to peanuts and shellfish", a question that names its matter 0.4 and more."""


class FileRecallMiddleware(AgentMiddleware):
    """Recall by meaning over an agent's files, in its system message.

    Beside a `MemoryOSBackend` or Claude's memory tool: the model need not list and open files to
    know what they hold. Of each file it sees the path and the beginning, fenced as quoted data.

    engine, user_id, assistant_id, storage_uri: as for `MemoryOSBackend`. k: files at most.
    min_relevance: 0 to 1; what bears less on the last human message is left out. max_characters:
    of all that is shown. root: where the model sees the files ("/memories").
    """

    def __init__(
        self,
        engine: Engine | None = None,
        user_id: str | None = None,
        assistant_id: str = "assistant",
        *,
        storage_uri: str | None = None,
        k: int = 3,
        min_relevance: float = _LEAST_RELEVANCE,
        max_characters: int = 4000,
        root: str = "/memories",
    ) -> None:
        super().__init__()
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise InvalidInput(f"k must be a number of files, not {k!r}")
        if not 0 <= min_relevance <= 1:
            raise InvalidInput(f"min_relevance must be from 0 to 1, not {min_relevance!r}")
        self._whose = FilesOfRuns(engine, user_id, assistant_id, storage_uri)
        self._k = k
        self._min_relevance = min_relevance
        self._max_characters = max_characters
        self._root = root.rstrip("/")

    def recalled(self, runtime: Any, query: str) -> list[tuple[File, float]]:
        """Return the files that would be shown for a query, with their relevance."""
        found = self._whose.files(runtime).search(query, self._k)
        return [(file, score) for file, score in found if score >= self._min_relevance]

    def wrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]
    ) -> ModelResponse:
        """Add what bears on the user's last words to the system message of this call alone."""
        return handler(self._with_files(request))

    async def awrap_model_call(
        self, request: ModelRequest, handler: Callable[[ModelRequest], Awaitable[ModelResponse]]
    ) -> ModelResponse:
        """Add what bears on the user's last words to the system message of this call alone."""
        return await handler(await asyncio.to_thread(self._with_files, request))

    def _with_files(self, request: ModelRequest) -> ModelRequest:
        said = (m.text for m in reversed(request.messages) if isinstance(m, HumanMessage))
        query = next(said, "").strip()
        found = self.recalled(request.runtime, query) if query else []
        if not found:
            return request
        share = self._max_characters // len(found)
        lines = [f"{self._root}{f.path}:\n{_beginning(f.content, share)}" for f, _ in found]
        block = {"type": "text", "text": "Files that may bear on this:\n" + quoted(lines)}
        old = request.system_message
        blocks: list[Any] = [*([] if old is None else old.content_blocks), block]
        return request.override(system_message=SystemMessage(content=blocks))


def _beginning(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + " […]"
