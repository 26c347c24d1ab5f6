"""A server that speaks OpenAI's protocol as scripted, on 127.0.0.1, for tests and demos.

    with OpenAIServer(chat="Paris.") as server:
        model = OpenAIChat("any", api_key="any", base_url=server.url)
        model.complete([{"role": "user", "content": "Capital of France?"}]).text
        server.requests[0].body["messages"]

Chat (whole and streamed), tools, `response_format`, embeddings, and every way to fail.  Nothing
leaves the machine.
"""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any

from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_handler import Handler
from memoryos.testing.openai_script import (
    Answer,
    Drip,
    Drop,
    Failure,
    Raw,
    Reply,
    Request,
    Script,
    schema_answers,
    tokens_of,
)

__all__ = [
    "Answer",
    "Drip",
    "Drop",
    "Failure",
    "OpenAIServer",
    "Raw",
    "Reply",
    "Request",
    "Script",
    "memory_answers",
    "schema_answers",
]

MAX_REQUESTS = 10_000
"""Requests kept; older ones are let go."""


class OpenAIServer:
    """The server; a context manager. Scripts may be changed while it runs.

    chat: what chat requests are answered; None is `memory_answers`, plausible for this library.
    embeddings: None gives every text a vector of its own, equal texts equal ones.
    key: when given, any other key is refused with 401.
    refuses: parameters turned down with 400: "max_tokens", "max_completion_tokens",
    "stream_options", "stream", "temperature", "seed", "system", "bounds" (lengths in a schema),
    "json_schema", "json_object", "response_format", "base64".
    ignores: parameters that are passed over in silence: "stream", "response_format".
    context_window: longer prompts are refused, and /models tells it, as llama.cpp does both.
    """

    def __init__(
        self,
        chat: Script | None = None,
        embeddings: Failure | Drop | Raw | Drip | Callable[[str], Sequence[float]] | None = None,
        *,
        key: str | None = None,
        dimension: int = 8,
        refuses: Sequence[str] = (),
        ignores: Sequence[str] = (),
        context_window: int | None = None,
    ) -> None:
        self.embeddings = embeddings
        self.key = key
        self.dimension = dimension
        self.refuses = frozenset(refuses)
        self.ignores = frozenset(ignores)
        self.context_window = context_window
        self.requests: deque[Request] = deque(maxlen=MAX_REQUESTS)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._chat: Script = memory_answers
        self._said = 0
        if chat is not None:
            self.chat = chat
        tokens_of("warm up")  # reading the table at the first request would look like a slow model
        self._http = HTTPServer(self)
        self._thread = threading.Thread(
            target=self._http.serve_forever,
            args=(0.05,),
            name="memoryos-openai-server",
            daemon=True,
        )

    def __enter__(self) -> OpenAIServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """What `base_url` takes; ends in /v1."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def chat(self) -> Script:
        """The script of chat requests; setting it begins a list anew."""
        return self._chat

    @chat.setter
    def chat(self, script: Script) -> None:
        with self._lock:
            self._chat, self._said = script, 0

    @property
    def chats(self) -> list[Request]:
        """The chat requests so far."""
        return [r for r in self.requests if r.endpoint.endswith("/chat/completions")]

    def close(self) -> None:
        """Stop, and break what is still connected."""
        self.closing.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        self._http.break_connections()

    def answer(self, request: Request) -> Answer:
        """Return the answer to a chat request that is due now."""
        with self._lock:
            script = self._chat
            if isinstance(script, Sequence) and not isinstance(script, str):
                script = script[min(self._said, len(script) - 1)]
                self._said += 1
        return script(request) if callable(script) else script

    def vector(self, text: str, dimension: int) -> list[float]:
        """Return the vector of `text`."""
        if callable(self.embeddings):
            return [float(number) for number in self.embeddings(text)]
        digest = hashlib.shake_128(text.encode("utf-8", "replace")).digest(2 * dimension)
        return [number / 32768 for number in struct.unpack(f"<{dimension}h", digest)]

    def refusal(self, request: Request) -> Failure | None:
        """Return the error for a request with a parameter that is turned down."""
        body = request.body
        format_ = body.get("response_format") or {}
        form = str(format_.get("type", ""))
        if form and ({"response_format", form} & self.refuses):
            return Failure(400, f"response_format type '{form}' is unavailable now")
        if "bounds" in self.refuses and ("Length" in str(format_) or "Items" in str(format_)):
            return Failure(400, "Invalid schema for response_format: 'maxLength' is not permitted")
        if body.get("encoding_format") in self.refuses:
            return Failure(400, "encoding_format base64 is not supported")
        if "system" in self.refuses and any(m.get("role") == "system" for m in request.messages):
            return Failure(400, "System role not supported")
        for name in ("max_tokens", "max_completion_tokens", "temperature", "seed"):
            if name in body and name in self.refuses:
                other = "; use 'max_completion_tokens' instead" if name == "max_tokens" else ""
                return Failure(
                    400, f"Unsupported parameter: '{name}'{other}", "unsupported_parameter"
                )
        for name in ("stream_options", "stream"):
            if body.get(name) and name in self.refuses:
                return Failure(400, f"Unsupported value: '{name}'", "unsupported_value")
        window = self.context_window
        if window is not None and request.prompt_tokens > window:
            told = f"request ({request.prompt_tokens} tokens) exceeds the available context size"
            return Failure(400, f"{told} ({window} tokens)", kind="exceed_context_size_error")
        return None

    def listing(self) -> dict[str, Any]:
        """Return what /models answers."""
        entry: dict[str, Any] = {"id": "scripted", "object": "model"}
        if self.context_window is not None:
            entry["meta"] = {"n_ctx": self.context_window, "n_ctx_train": 131_072}
        return {"object": "list", "data": [entry]}


class HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: OpenAIServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):  # closed by the other side already
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are what tests are about."""
