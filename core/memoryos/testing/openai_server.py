"""A server that speaks OpenAI's protocol as scripted, on 127.0.0.1, for tests and demos.

    with OpenAIServer(chat="Paris.") as server:
        model = OpenAIChat("any", api_key="any", base_url=server.url)
        model.complete([{"role": "user", "content": "Capital of France?"}]).text
        server.requests[0].body["messages"]

Chat (whole and streamed), tools, `response_format`, embeddings, and every way to fail.  Nothing
leaves the machine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from memoryos.testing.memory_answers import memory_answers
from memoryos.testing.openai_script import (
    Answer,
    Drop,
    Failure,
    Raw,
    Reply,
    Request,
    Script,
    inputs,
    schema_answers,
    tokens_of,
)

__all__ = [
    "Answer",
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
MAX_BODY = 64_000_000
"""Longest body that is read, in bytes."""
MAX_DELAY = 120.0
"""Longest delay of a reply, in seconds."""


class OpenAIServer:
    """The server; a context manager. Scripts may be changed while it runs.

    chat: what chat requests are answered; None is `memory_answers`, plausible for this library.
    embeddings: None gives every text a vector of its own, equal texts equal ones.
    key: when given, any other key is refused with 401.
    refuses: parameters turned down with 400: "max_tokens", "max_completion_tokens",
    "stream_options", "json_schema", "json_object", "response_format", "base64".
    """

    def __init__(
        self,
        chat: Script | None = None,
        embeddings: Failure | Drop | Raw | Callable[[str], Sequence[float]] | None = None,
        *,
        key: str | None = None,
        dimension: int = 8,
        refuses: Sequence[str] = (),
    ) -> None:
        self.embeddings = embeddings
        self.key = key
        self.dimension = dimension
        self.refuses = frozenset(refuses)
        self.requests: deque[Request] = deque(maxlen=MAX_REQUESTS)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._chat: Script = memory_answers
        self._said = 0
        if chat is not None:
            self.chat = chat
        tokens_of("warm up")  # reading the table at the first request would look like a slow model
        self._http = _HTTPServer(self)
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
        return [r for r in self.requests if r.path.endswith("/chat/completions")]

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

    def refusal(self, body: Mapping[str, Any]) -> Failure | None:
        """Return the error for a request with a parameter that is turned down."""
        form = str((body.get("response_format") or {}).get("type", ""))
        if form and ({"response_format", form} & self.refuses):
            return Failure(400, f"response_format type '{form}' is unavailable now")
        if body.get("encoding_format") in self.refuses:
            return Failure(400, "encoding_format base64 is not supported")
        for name in ("max_tokens", "max_completion_tokens", "stream_options"):
            if name in body and name in self.refuses:
                other = "; use 'max_completion_tokens' instead" if name == "max_tokens" else ""
                return Failure(
                    400, f"Unsupported parameter: '{name}'{other}", "unsupported_parameter"
                )
        return None


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: OpenAIServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HTTPServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the overridden name
        """Log nothing: stderr belongs to the test."""

    def do_GET(self) -> None:
        if self.path.endswith("/models"):
            self._json(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
        else:
            self._fail(Failure(404, "no such path"))

    def do_POST(self) -> None:
        owner = self.server.owner
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY:
            self._fail(Failure(413, "body too large"))
            self.close_connection = True
            return
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            self._fail(Failure(400, "the body is not JSON"))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.path, headers, body)
        owner.requests.append(request)
        if owner.key is not None and headers.get("authorization") != f"Bearer {owner.key}":
            # As real endpoints do, some with more of the key than one would wish.
            told = headers.get("authorization", "")[7:]
            self._fail(Failure(401, f"Incorrect API key provided: {told}", "invalid_api_key"))
        elif (refusal := owner.refusal(body)) is not None:
            self._fail(refusal)
        elif self.path.endswith("/chat/completions"):
            self._chat(request, owner.answer(request))
        elif self.path.endswith("/embeddings"):
            self._embeddings(request)
        else:
            self._fail(Failure(404, "no such path"))

    # ── answers ──

    def _chat(self, request: Request, answer: Answer) -> None:
        reply = Reply(answer) if isinstance(answer, str) else answer
        streamed = bool(request.body.get("stream"))
        if not isinstance(reply, Reply) and self._broken(reply, streamed=streamed):
            return
        if isinstance(reply, Drop):
            self._begin_stream()
            for piece in _pieces(reply.text)[: reply.after_pieces]:
                self._event(_chunk({"content": piece}))
            self._hang_up()
            return
        assert isinstance(reply, Reply)
        self._wait(reply.delay)
        if streamed:
            self._stream(request, reply)
            return
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.tool_calls:
            message |= {"content": reply.text or None, "tool_calls": _tool_calls(reply)}
        whole: dict[str, Any] = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": request.body.get("model", ""),
            "choices": [{"index": 0, "message": message, "finish_reason": _reason(reply)}],
        }
        if reply.usage:
            whole["usage"] = _usage(request, reply)
        self._json(200, whole)

    def _stream(self, request: Request, reply: Reply) -> None:
        self._begin_stream()
        self._event(_chunk({"role": "assistant", "content": ""}))
        for piece in _pieces(reply.text):
            self._event(_chunk({"content": piece}))
        for index, call in enumerate(_tool_calls(reply)):
            self._event(_chunk({"tool_calls": [{"index": index, **call}]}))
        self._event(_chunk({}, _reason(reply)))
        if reply.usage and (request.body.get("stream_options") or {}).get("include_usage"):
            self._event({**_chunk({}), "choices": [], "usage": _usage(request, reply)})
        self._send_chunk(b"data: [DONE]\n\n")
        self._send_chunk(b"")

    def _embeddings(self, request: Request) -> None:
        owner = self.server.owner
        script = owner.embeddings
        if isinstance(script, (Failure, Drop, Raw)):
            self._broken(script, streamed=False)
            return
        dimension = int(request.body.get("dimensions") or owner.dimension)
        rows = []
        for index, text in enumerate(inputs(request.body)):
            vector = owner.vector(text, dimension)
            encoded: Any = vector
            if request.body.get("encoding_format") == "base64":
                encoded = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
            rows.append({"object": "embedding", "index": index, "embedding": encoded})
        usage = {"prompt_tokens": request.prompt_tokens, "total_tokens": request.prompt_tokens}
        model = request.body.get("model", "")
        self._json(200, {"object": "list", "data": rows, "model": model, "usage": usage})

    def _broken(self, script: Failure | Drop | Raw, *, streamed: bool) -> bool:
        """Answer with what is no answer; False for a stream that shall begin before it breaks."""
        if isinstance(script, Failure):
            self._wait(script.delay)
            self._fail(script)
        elif isinstance(script, Raw):
            self._send(200, script.body, script.content_type)
        elif streamed and script.after_pieces:
            return False
        else:
            self._hang_up()
        return True

    # ── HTTP ──

    def _fail(self, failure: Failure) -> None:
        error = {
            "message": failure.message,
            "type": "scripted",
            "param": None,
            "code": failure.code,
        }
        more = {}
        if failure.retry_after_ms is not None:
            more["retry-after-ms"] = str(failure.retry_after_ms)
        self._json(failure.status, {"error": error}, more)

    def _json(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers)

    def _send(
        self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, chunk: Mapping[str, Any]) -> None:
        self._send_chunk(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.server.owner.closing.wait(min(seconds, MAX_DELAY))


def _pieces(text: str) -> list[str]:
    return [piece + " " for piece in text.split(" ")[:-1]] + text.split(" ")[-1:]


def _chunk(delta: Mapping[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "delta": dict(delta), "finish_reason": finish_reason}],
    }


def _tool_calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call.get("arguments", {}))},
        }
        for number, call in enumerate(reply.tool_calls)
    ]


def _reason(reply: Reply) -> str:
    return (
        "tool_calls" if reply.tool_calls and reply.finish_reason == "stop" else reply.finish_reason
    )


def _usage(request: Request, reply: Reply) -> dict[str, int]:
    prompt, answer = request.prompt_tokens, tokens_of(reply.text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }
