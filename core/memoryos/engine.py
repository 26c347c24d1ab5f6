"""Composition: opens the store, the models and the worker, and gives out memories."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from memoryos.config import MemoryConfig
from memoryos.embedders.resolve import resolve_embedder
from memoryos.errors import EmbedderMismatch, EngineClosed, InvalidInput
from memoryos.generation.generator import Generator
from memoryos.llm.resolve import resolve_chat_model
from memoryos.llm.tokens import token_counter
from memoryos.memory.boundary import raises_only_ours
from memoryos.memory.memory import Memory
from memoryos.memory.modules import Modules
from memoryos.model import Id, Scope
from memoryos.ports import ChatModel, Clock, Embedder, utc_now
from memoryos.retrieval.retriever import Retriever
from memoryos.retrieval.views import Views
from memoryos.storage.in_memory import InMemoryStore
from memoryos.storage.journal import checked_id, checked_seconds
from memoryos.storage.port import FileStore, QueueStore, Store
from memoryos.storage.sql import is_mistyped, without_password
from memoryos.storage.vectors import outdated, outdated_scopes
from memoryos.updating.analysts.choice import Choice, Rules
from memoryos.updating.filing import Updater
from memoryos.updating.revisit import Revisitor
from memoryos.updating.worker import Consolidator, Enqueuer, Worker
from memoryos.upkeep.doctor import Doctor
from memoryos.upkeep.erasure import Eraser
from memoryos.upkeep.report import Report

_log = logging.getLogger("memoryos.engine")
CLOSE_SECONDS = 1.5
"""How long closing an engine, or the interpreter's end, waits for what is pending."""
_FILE = "memoryos.db"
_IN_MEMORY = ("sqlite:///:memory:", "sqlite://", ":memory:")
_THREADS_WITH_MODEL = 4
"""Scopes that are worked on at once where most of the time a model is waited for."""


@raises_only_ours
class Engine:
    """A store with the models that work on it. Thread-safe; a context manager.

    Open one per process with `Engine.open`, and get every user's memory from it with `memory`.
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
        rules = Rules(config.language)
        analysts = Choice(store, config, rules, chat_model, self.count_tokens, clock)
        updater = Updater(store, views, embedder, analysts, config, clock)
        revisitor = Revisitor(store, updater, views, analysts, clock)
        consolidator = Consolidator(store, updater, revisitor, clock)
        worker = None
        if config.promotion == "background":
            worker = Worker(
                consolidator,
                lambda: [*store.scopes(waiting=True), *outdated_scopes(store, embedder)],
                config.rest_seconds,
                threads=1 if chat_model is None else _THREADS_WITH_MODEL,
            )
        elif config.promotion == "queue":
            enqueuer = Enqueuer(consolidator, _queue_of(store))
            worker = Worker(enqueuer, lambda: outdated_scopes(store, embedder), config.rest_seconds)
        self.modules = Modules(
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
        self._own_models: tuple[object, ...] = ()
        """Models made here of a name, which nobody else uses."""
        self._closed = False
        self._closing = threading.Lock()
        _open.add(self.modules)
        if worker is not None:
            worker.start()

    @classmethod
    def open(
        cls,
        uri: str | Path = "sqlite:///memoryos.db",
        config: MemoryConfig | Mapping[str, Any] | None = None,
        chat_model: str | ChatModel | None = None,
        embedder: str | Embedder | None = None,
        *,
        clock: Clock = utc_now,
        new_embedder: bool = False,
    ) -> Engine:
        """Open (or create) the memory store at `uri`.

        Without `chat_model` and `embedder` nothing needs a key, a server or a download.

        Args:
            uri: a file ("memories.db", or a Path), "sqlite:///file.db" (relative),
                "sqlite:////folder/file.db" (absolute), "sqlite:///:memory:" or "postgresql://…".
            config: a MemoryConfig, or a mapping of some of its fields.
            chat_model: a model's name at OPENAI_BASE_URL, a ChatModel, or None for the rules.
            embedder: a model's name or folder, an Embedder, or None for the built-in one.
            clock: returns now; for tests.
            new_embedder: open although the store holds the vectors of another embedder, for
                `Memory.rebuild` to replace them: do that for every scope, with promotion="manual".

        Raises:
            InvalidInput: an argument is not usable; UnknownSetting for one of `config`.
            StorageError: the store cannot be opened; EmbedderMismatch for another embedder's.
            MissingExtra: the store or model needs an extra that is not installed.
        """
        settings = MemoryConfig.of(config)
        model, vectors = resolve_chat_model(chat_model), resolve_embedder(embedder)
        store = open_store(uri, settings)
        try:
            engine = cls(store, settings, model, vectors, clock, new_embedder=new_embedder)
        except BaseException:
            store.close()
            raise
        given = (chat_model, embedder)
        engine._own_models = tuple(m for m in (model, vectors) if all(m is not g for g in given))
        return engine

    @classmethod
    def of(cls, engine: object = None, storage_uri: str | None = None) -> Engine:
        """Return the engine that an adapter was given: an open one, or this process's at a URI.

        engine: an open engine, which its maker closes. storage_uri: without an engine, what to
        open, once per process for all who ask, with default settings; it is closed with its last
        user. Raises InvalidInput, which says what was expected, or what `open` raises.
        """
        if isinstance(engine, Engine):
            if storage_uri is not None:
                raise InvalidInput("give an engine or a storage_uri, not both")
            return engine
        if engine is not None:
            hint = "; a URI is given as storage_uri=…" if isinstance(engine, str) else ""
            raise InvalidInput(
                "engine must be an open memoryos.Engine, as Engine.open(…) returns it, "
                f"not {_shown(engine)}{hint}"
            )
        if not isinstance(storage_uri, str):
            raise InvalidInput(
                "give an engine, or a storage_uri such as 'sqlite:///memories.db', "
                f"not {storage_uri!r}"
            )
        with _sharing:
            known = _shared.get(storage_uri)
            if known is None or known.closed:
                known = cls.open(storage_uri)
                if not _is_private(storage_uri):
                    _shared[storage_uri] = known
                weakref.finalize(known, known.store.close)
            return known

    def memory(
        self, user_id: Id, assistant_id: Id = "assistant", session_id: Id = "default"
    ) -> Memory:
        """Return the memory of one user with one assistant, seen from one session. Costs nothing.

        Args:
            user_id: whose memory; any text, compared byte by byte; an int or a UUID is its text.
            assistant_id: with which assistant; likewise.
            session_id: the conversation thread, which has a short-term memory of its own.

        Raises:
            InvalidInput: one of them cannot be an id.
            EngineClosed: the engine is closed.
        """
        scope = Scope(checked_id(user_id, "user_id"), checked_id(assistant_id, "assistant_id"))
        session = checked_id(session_id, "session_id")
        if self._closed:
            raise EngineClosed
        return Memory(self.modules, scope, session)

    @property
    def closed(self) -> bool:
        """Whether the engine was closed."""
        return self._closed

    def scopes(self) -> list[Scope]:
        """Return the scopes (user, assistant) that the store holds pages or stated facts of."""
        return self.store.scopes()

    def doctor(self, *, repair: bool = False) -> Report:
        """Check that the store is consistent, scope by scope.

        Args:
            repair: put right what can be; pages are never changed.

        Returns:
            The findings, and which of them were repaired.

        Raises:
            ModelError: a repair needed vectors, and the embedder failed.
            StorageError: the store cannot be read or written.
        """
        if self._closed:
            raise EngineClosed
        modules = self.modules
        doctor = Doctor(
            modules.store,
            modules.embedder,
            modules.config,
            modules.clock,
            work_off=modules.run_and_revisit,
            derive_again=lambda scope: Memory(modules, scope, "doctor").rebuild(),
        )
        return doctor.examine(repair=repair)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the store, as of one moment, to a new file, while others read and write.

        The copy is opened like any other: Engine.open("sqlite:///copy.db").

        Args:
            path: the new file; one that exists is not touched.

        Raises:
            InvalidInput: the file exists, or the store is a server's.
            StorageError: the file cannot be written.
        """
        if self._closed:
            raise EngineClosed
        if not isinstance(self.store, FileStore):
            raise InvalidInput(
                f"{self.store.uri} is not a file: back up a server with its own tools (pg_dump), "
                "or a memory with `export`"
            )
        self.store.backup(os.fspath(path))

    def close(self, timeout: float | None = CLOSE_SECONDS) -> None:
        """Finish what is pending, then close the store. Idempotent.

        What is not done in time, or what a failing model keeps from being done, stays pending in
        the journal; the next engine goes on with it.

        Args:
            timeout: seconds to spend on what is pending. None: as long as it takes.

        Raises:
            InvalidInput: `timeout` is not a number of seconds.
        """
        seconds = None if timeout is None else checked_seconds(timeout, "timeout")
        with self._closing:
            if self._closed:
                return
            self._closed = True
            _open.discard(self.modules)
            self.modules.close(seconds)
            for model in self._own_models:
                close = getattr(model, "close", None)
                if close is not None:
                    close()  # ends the calls that nobody waits for any more
            self.store.close()

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


def open_store(uri: str | Path, config: MemoryConfig) -> Store:
    """Return the store at a URI or in a file. Raises InvalidInput, StorageError or MissingExtra."""
    given = str(uri) if isinstance(uri, (str, Path)) else ""
    if given in _IN_MEMORY:
        return InMemoryStore()
    path = given.removeprefix("sqlite:///")
    if path and (path != given or _is_path(uri)) and not is_mistyped(path):
        from memoryos.storage.sqlite import SQLiteStore  # noqa: PLC0415  # one per store

        file = Path(path).expanduser()
        if file.is_dir():
            raise InvalidInput(f"uri names the folder {path}: name a file, such as {file / _FILE}")
        return SQLiteStore(file, durability=config.durability, lock_seconds=config.lock_seconds)
    if given.startswith(("postgresql://", "postgres://")):
        from memoryos.storage.postgres import PostgresStore  # noqa: PLC0415  # needs an extra

        return PostgresStore(given, durability=config.durability, lock_seconds=config.lock_seconds)
    raise InvalidInput(
        "uri must be a file such as 'memories.db', or like 'sqlite:///memories.db', "
        f"'sqlite:///:memory:' or 'postgresql://…', not {without_password(uri)!r}"
    )


def _is_path(uri: object) -> bool:
    """Return whether what was given names a file, and not a server in some mistyped way."""
    if isinstance(uri, Path):
        return True
    # "C:\\memories.db" is a path; "host:5432/db" and "user@host" are no file that anybody wants,
    # and a bare word ("postgres") is rather a mistake than a file without a suffix.
    text = str(uri)[2:] if str(uri)[1:3] in (":\\", ":/") else str(uri)
    looks = any(sign in text for sign in "./\\")
    return isinstance(uri, str) and looks and not any(sign in text for sign in ":@?*\0\n")


def _queue_of(store: Store) -> QueueStore:
    if not isinstance(store, QueueStore):
        raise InvalidInput(
            f"promotion='queue' needs a store on PostgreSQL, {store.uri!r} has no queue: "
            "take promotion='background'"
        )
    return store


def _check_embedder(store: Store, embedder: Embedder) -> None:
    for stored in store.embedders():
        if stored.name != embedder.name and not outdated(stored, embedder):
            # The dimension may take a call to find out; the name is enough to tell them apart.
            raise EmbedderMismatch.of(stored, embedder.name)


def _is_private(uri: str) -> bool:
    """Return whether an engine at the URI has a store of its own, which no other can reach."""
    return uri in _IN_MEMORY


def _shown(value: object) -> str:
    """Return what a value is, without a password that a URI may hold."""
    kind = type(value).__name__
    return f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {kind}"


_shared: weakref.WeakValueDictionary[str, Engine] = weakref.WeakValueDictionary()
_sharing = threading.Lock()
_open: weakref.WeakSet[Modules] = weakref.WeakSet()
_forking: list[Modules] = []


@atexit.register
def _stop_workers() -> None:
    """Stop the threads before the interpreter ends: none may be inside SQLite or FAISS then.

    Steps under way (a model's answer, say) hold it up for `CLOSE_SECONDS`, all engines together.
    """
    end = time.monotonic() + CLOSE_SECONDS
    for modules in list(_open):
        modules.close(max(0.0, end - time.monotonic()), finish=False)


def _before_fork() -> None:
    _forking.extend(_open)
    for modules in _forking:
        modules.before_fork()


def _after_fork(*, child: bool) -> None:
    for modules in _forking:
        modules.after_fork(child=child)
    _forking.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=partial(_after_fork, child=False),
        after_in_child=partial(_after_fork, child=True),
    )
