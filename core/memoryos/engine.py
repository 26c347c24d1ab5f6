"""Composition: opens the store, the models and the worker, and gives out memories."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from memoryos.analysts.late import LateRules
from memoryos.config import MemoryConfig
from memoryos.doctor import Doctor, Report
from memoryos.embedders.resolve import resolve_embedder
from memoryos.erasure import Eraser
from memoryos.errors import (
    EmbedderMismatch,
    EngineClosed,
    InvalidInput,
    MemoryOSError,
)
from memoryos.generation import Generator
from memoryos.journal import checked_id
from memoryos.llm.resolve import resolve_chat_model
from memoryos.memory import Memory
from memoryos.model import Call, Scope
from memoryos.parts import Parts, keep_through_forks, let_go
from memoryos.ports import Analyst, ChatModel, Clock, Embedder, TokenUsage
from memoryos.retrieval import Retriever
from memoryos.revisiting import Revisitor
from memoryos.stores.in_memory import InMemoryStore
from memoryos.stores.port import Filed, Queueing, Store, StoredEmbedder
from memoryos.tokens import token_counter
from memoryos.updating import Analysts, Updater, mismatch, utc_now
from memoryos.views import Views
from memoryos.worker import Asking, Consolidator, Worker

_log = logging.getLogger("memoryos.engine")


class Engine:
    """A store with the models that work on it. Thread-safe; a context manager.

    Open one per process with `Engine.open` and make as many memories of it as there are users.
    """

    def __init__(
        self,
        store: Store,
        config: MemoryConfig,
        chat_model: ChatModel | None,
        embedder: Embedder,
        clock: Clock = utc_now,
        *,
        new_embedder: bool = False,
    ) -> None:
        self.config = config
        self.chat_model = chat_model
        self.embedder = embedder
        self.store = store
        if not new_embedder:
            _check_embedder(store, embedder)
        name = None if chat_model is None else chat_model.name
        self.count_tokens = token_counter(name, may_download=chat_model is not None)
        views = Views(store, config)
        rules = LateRules(config.language)
        analysts = _Chooser(store, config, rules, chat_model, self.count_tokens, clock)
        updater = Updater(store, views, embedder, analysts, config, clock)
        revisitor = Revisitor(store, views, embedder, analysts)
        consolidator = Consolidator(store, updater, revisitor, clock)
        worker = None
        if config.promotion == "background":
            worker = Worker(consolidator, lambda: store.scopes(waiting=True))
        elif config.promotion == "queue":
            worker = Worker(Asking(consolidator, _queue_of(store)), list)
        self._parts = Parts(
            store=store,
            config=config,
            clock=clock,
            views=views,
            retriever=Retriever(store, views, embedder, self.count_tokens, config),
            generator=Generator(chat_model, self.count_tokens, store.log_call, clock),
            eraser=Eraser(store, views, rules, embedder, clock),
            consolidator=consolidator,
            worker=worker,
            embedder=embedder,
            analysts=analysts,
        )
        self._closed = False
        self._closing = threading.Lock()
        keep_through_forks(self._parts)
        if worker is not None:
            worker.start()

    @classmethod
    def open(
        cls,
        uri: str = "sqlite:///memoryos.db",
        config: MemoryConfig | Mapping[str, Any] | None = None,
        chat_model: str | ChatModel | None = None,
        embedder: str | Embedder | None = None,
        *,
        clock: Clock = utc_now,
        new_embedder: bool = False,
    ) -> Engine:
        """Open (or create) the memory store at `uri`.

        `uri` is "sqlite:///file.db" (relative), "sqlite:////folder/file.db" (absolute),
        "sqlite:///:memory:" or "postgresql://…". Without `chat_model` and `embedder` nothing needs
        a key, a server or a download. With `new_embedder` it opens although the store holds the
        vectors of another, for `Memory.rebuild` to replace them: do that for every scope, with
        promotion="manual". Raises InvalidInput, StorageError, EmbedderMismatch or MissingExtra.
        """
        settings = MemoryConfig.of(config)
        model, vectors = resolve_chat_model(chat_model), resolve_embedder(embedder)
        store = open_store(uri, settings)
        try:
            return cls(store, settings, model, vectors, clock, new_embedder=new_embedder)
        except BaseException:
            store.close()
            raise

    def memory(
        self, user_id: str, assistant_id: str = "assistant", session_id: str = "default"
    ) -> Memory:
        """Return the memory of one user with one assistant, seen from one session. Costs nothing.

        Ids are keys, compared byte by byte; any text will do. Raises InvalidInput or EngineClosed.
        """
        if self._closed:
            raise EngineClosed
        scope = Scope(checked_id(user_id, "user_id"), checked_id(assistant_id, "assistant_id"))
        return Memory(self._parts, scope, checked_id(session_id, "session_id"))

    def scopes(self) -> list[Scope]:
        """Return whose memories the store holds."""
        return self.store.scopes()

    def doctor(self, *, repair: bool = False) -> Report:
        """Return what does not hold together in the store; with `repair`, put right what can be.

        Pages are never changed. Raises ModelError or StorageError.
        """
        if self._closed:
            raise EngineClosed
        parts = self._parts
        doctor = Doctor(parts.store, parts.embedder, parts.config, parts.clock, parts.run)
        return doctor.examine(repair=repair)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the store, as of one moment, to a new file, while others read and write.

        The copy is opened like any other: Engine.open("sqlite:///copy.db"). Raises InvalidInput or
        StorageError.
        """
        if self._closed:
            raise EngineClosed
        if not isinstance(self.store, Filed):
            raise InvalidInput(
                f"{self.store.uri} is not a file: back up a server with its own tools (pg_dump), "
                "or a memory with `export`"
            )
        self.store.backup(os.fspath(path))

    def close(self) -> None:
        """Finish what is pending, then close the store. Idempotent.

        What a model's failure keeps from being finished stays in the journal for the next engine.
        """
        with self._closing:
            if self._closed:
                return
            self._closed = True
            let_go(self._parts)
            if self._parts.worker is not None:
                for scope in self._parts.worker.close():
                    self._finish(self._parts.worker, scope)
            self.store.close()

    def _finish(self, worker: Worker, scope: Scope) -> None:
        try:
            worker.finish(scope)
        except MemoryOSError as error:
            _log.warning("left for the next engine to finish: %s", error)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        model = self.chat_model.name if self.chat_model is not None else None
        return f"Engine({self.store.uri!r}, chat_model={model!r}, embedder={self.embedder.name!r})"


class _Chooser:
    """Who reads a scope's pages now: the model, or the rules when there is none or no budget."""

    def __init__(
        self,
        store: Store,
        config: MemoryConfig,
        rules: Analyst,
        chat_model: ChatModel | None,
        count_tokens: Callable[[str], int],
        clock: Clock,
    ) -> None:
        self._store = store
        self._config = config
        self._rules = rules
        self._chat_model = chat_model
        self._count_tokens = count_tokens
        self._clock = clock

    def __call__(self, scope: Scope) -> Analysts:
        model = self._chat_model
        if model is None:
            return Analysts(self._rules)
        if self._spent(scope):
            return Analysts(self._rules, revisit=True)
        from memoryos.analysts.llm import LLMAnalyst  # noqa: PLC0415  # loads pydantic

        def on_call(purpose: str, usage: TokenUsage, seconds: float, outcome: str) -> None:
            call = Call(
                purpose=purpose,
                model=model.name,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                seconds=seconds,
                outcome=outcome,
                at=self._clock(),
            )
            self._store.log_call(scope, call)

        return Analysts(LLMAnalyst(model, self._count_tokens, on_call=on_call))

    def _spent(self, scope: Scope) -> bool:
        calls_allowed, tokens_allowed = self._config.calls_per_day, self._config.tokens_per_day
        if calls_allowed is None and tokens_allowed is None:
            return False
        today = (
            self._clock()
            .astimezone(timezone.utc)
            .replace(hour=0, minute=0, second=0, microsecond=0)
        )
        calls = [call for call in self._store.calls(scope, today) if call.purpose != "respond"]
        tokens = sum(call.prompt_tokens + call.completion_tokens for call in calls)
        return (calls_allowed is not None and len(calls) >= calls_allowed) or (
            tokens_allowed is not None and tokens >= tokens_allowed
        )


def open_store(uri: str, config: MemoryConfig) -> Store:
    """Return the store at `uri`. Raises InvalidInput, StorageError or MissingExtra."""
    if isinstance(uri, str) and uri in ("sqlite:///:memory:", "sqlite://"):
        return InMemoryStore()
    if isinstance(uri, str) and uri.startswith("sqlite:///") and len(uri) > len("sqlite:///"):
        from memoryos.stores.sqlite import SQLiteStore  # noqa: PLC0415  # one per store

        path = Path(uri.removeprefix("sqlite:///")).expanduser()
        return SQLiteStore(path, durability=config.durability, lock_seconds=config.lock_seconds)
    if isinstance(uri, str) and uri.startswith(("postgresql://", "postgres://")):
        from memoryos.stores.postgres import PostgresStore  # noqa: PLC0415  # needs an extra

        return PostgresStore(uri, durability=config.durability, lock_seconds=config.lock_seconds)
    raise InvalidInput(
        "uri must be like 'sqlite:///memories.db', 'sqlite:///:memory:' or 'postgresql://…', "
        f"not {uri!r}"
    )


def _queue_of(store: Store) -> Queueing:
    if not isinstance(store, Queueing):
        raise InvalidInput(
            f"promotion='queue' needs a store on PostgreSQL, {store.uri!r} has no queue: "
            "take promotion='background'"
        )
    return store


def _check_embedder(store: Store, embedder: Embedder) -> None:
    for stored in store.embedders():
        if stored.name != embedder.name:
            # The dimension may take a call to find out; the name is enough to tell them apart.
            raise EmbedderMismatch(mismatch(stored, StoredEmbedder(embedder.name, 0)))
