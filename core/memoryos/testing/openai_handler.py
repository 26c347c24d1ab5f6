"""How `OpenAIServer` speaks HTTP: whole answers, streams, and every way to break them."""

from __future__ import annotations

import base64
import itertools
import json
import socket
import struct
import zlib
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from memoryos.testing.openai_script import (
    Answer,
    Drip,
    Drop,
    Failure,
    Raw,
    Reply,
    Request,
    inputs,
    tokens_of,
)

if TYPE_CHECKING:
    from memoryos.testing.openai_server import HTTPServer

MAX_BODY = 64_000_000
"""Longest body that is read, in bytes."""
MAX_DELAY = 120.0
"""Longest delay of a reply, in seconds."""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HTTPServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the overridden name
        """Log nothing: stderr belongs to the test."""

    def do_GET(self) -> None:
        if urlsplit(self.path).path.endswith("/models"):
            self._json(200, self.server.owner.listing())
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
        elif (refusal := owner.refusal(request)) is not None:
            self._fail(refusal)
        elif request.endpoint.endswith("/chat/completions"):
            self._chat(request, owner.answer(request))
        elif request.endpoint.endswith("/embeddings"):
            self._embeddings(request)
        else:
            self._fail(Failure(404, "no such path"))

    # ── answers ──

    def _chat(self, request: Request, answer: Answer) -> None:
        reply = Reply(answer) if isinstance(answer, str) else answer
        streamed = bool(request.body.get("stream")) and "stream" not in self.server.owner.ignores
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
        message: dict[str, Any] = {"role": "assistant", **_said(reply, reply.text)}
        if reply.tool_calls:
            message |= {"content": reply.text or None, "tool_calls": _tool_calls(reply)}
        choice: dict[str, Any] = {"index": 0, "message": message}
        if reply.finish_reason is not None:
            choice["finish_reason"] = _reason(reply)
        whole: dict[str, Any] = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": request.body.get("model", ""),
            "choices": [choice],
        }
        if reply.usage:
            whole["usage"] = _usage(request, reply)
        self._json(200, whole)

    def _stream(self, request: Request, reply: Reply) -> None:
        self._begin_stream()
        self._event(_chunk({"role": "assistant", "content": ""}))
        if reply.thinking or reply.refusal:
            self._event(_chunk(_said(reply, "")))
        for piece in _pieces(reply.text):
            self._event(_chunk({"content": _content(reply, piece)}))
        for index, call in enumerate(_tool_calls(reply)):
            self._event(_chunk({"tool_calls": [{"index": index, **call}]}))
        if reply.finish_reason is not None:
            self._event(_chunk({}, _reason(reply)))
        if reply.usage and (request.body.get("stream_options") or {}).get("include_usage"):
            self._event({**_chunk({}), "choices": [], "usage": _usage(request, reply)})
        self._send_chunk(b"data: [DONE]\n\n")
        self._send_chunk(b"")

    def _embeddings(self, request: Request) -> None:
        owner = self.server.owner
        script = owner.embeddings
        if isinstance(script, (Failure, Drop, Raw, Drip)):
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

    def _broken(self, script: Failure | Drop | Raw | Drip, *, streamed: bool) -> bool:
        """Answer with what is no answer; False for a stream that shall begin before it breaks."""
        if isinstance(script, Failure):
            self._wait(script.delay)
            self._fail(script)
        elif isinstance(script, Raw):
            self._send(script.status, script.body, script.content_type, script.headers)
        elif isinstance(script, Drip):
            self._drip(script)
        elif streamed and script.after_pieces:
            return False
        else:
            self._hang_up()
        return True

    def _drip(self, drip: Drip) -> None:
        self.close_connection = True
        if drip.headers_too:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nx-")
        else:
            self.send_response(200)
            self.send_header("content-type", drip.content_type)
            if drip.encoding:
                self.send_header("content-encoding", drip.encoding)
            self.end_headers()
        for piece in _dripping(drip):
            self.wfile.write(piece)
            self._wait(drip.every)
            if self.server.owner.closing.is_set():
                return

    # ── HTTP ──

    def _fail(self, failure: Failure) -> None:
        error = {
            "message": failure.message,
            "type": failure.kind,
            "param": None,
            "code": failure.code,
        }
        more = dict(failure.headers)
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


def _dripping(drip: Drip) -> Iterator[bytes]:
    if drip.encoding != "gzip":
        yield from itertools.repeat(drip.piece, drip.times)
        return
    compressor = zlib.compressobj(wbits=31)
    for _ in range(drip.times):
        if some := compressor.compress(drip.piece):
            yield some
    yield compressor.flush()


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


def _reason(reply: Reply) -> str | None:
    return (
        "tool_calls" if reply.tool_calls and reply.finish_reason == "stop" else reply.finish_reason
    )


def _said(reply: Reply, text: str) -> dict[str, Any]:
    said: dict[str, Any] = {"content": _content(reply, text)}
    if reply.refusal:
        said |= {"content": text or None, "refusal": reply.refusal}
    if reply.thinking:
        said["reasoning_content"] = reply.thinking
    return said


def _content(reply: Reply, text: str) -> Any:
    return [{"type": "text", "text": text}] if reply.parts else text


def _usage(request: Request, reply: Reply) -> dict[str, Any]:
    if isinstance(reply.usage, Mapping):
        return dict(reply.usage)
    prompt, answer = request.prompt_tokens, tokens_of(reply.text)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }
