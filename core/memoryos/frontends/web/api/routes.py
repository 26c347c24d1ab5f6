"""From a request to a verb and back: parameters, body, whose memory, idempotency, streaming."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from anyio import CancelScope, CapacityLimiter, to_thread
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from memoryos.engine import Engine
from memoryos.errors import InvalidInput, MemoryOSError
from memoryos.frontends.web.api.idempotency import LONGEST_KEY, Answers, Conflict
from memoryos.frontends.web.api.openapi import document
from memoryos.frontends.web.api.operations import SCOPE, Call, Operation, Parameter, hints
from memoryos.frontends.web.api.problems import Json, encoded, problem
from memoryos.frontends.web.api.table import OPERATIONS
from memoryos.frontends.web.identity import Identity
from memoryos.frontends.web.settings import WebSettings

MOST_WAITING = 16
"""Requests at once that may wait for a model."""
_NO_USER = "nobody"
"""Whose memory an operation of none gets to see: its store answers, and that is all."""


def api_routes(engine: Engine, settings: WebSettings) -> list[Route]:
    """Return the routes of all verbs, and of the document that describes them."""
    service = _Service(engine, settings)

    async def openapi(_request: Request) -> Response:
        return Json(document(OPERATIONS))

    by_path: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [
        Route("/api/openapi.json", openapi),
        *(
            Route(path, service.endpoint(by_method), methods=list(by_method))
            for path, by_method in by_path.items()
        ),
    ]


class _Service:
    """Does the requests of one server."""

    def __init__(self, engine: Engine, settings: WebSettings) -> None:
        self._engine = engine
        self._waiting = CapacityLimiter(MOST_WAITING)
        self._settings = settings
        self._answers = Answers()

    def endpoint(self, by_method: dict[str, Operation]) -> Callable[[Request], Any]:
        """Return the endpoint of a path."""

        async def endpoint(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return await self._do(by_method[method], request)

        return endpoint

    async def _do(self, operation: Operation, request: Request) -> Response:
        if operation.changes and self._settings.read_only:
            return problem(403, "The server is read-only.")
        raw = await _raw_body(operation, request)
        call = self._call(operation, request, raw)
        if operation.streams and call.body.stream:
            if call.key is not None:
                return problem(400, "A streamed answer takes no Idempotency-Key.")
            return await self._streamed(call)
        if call.key is None:
            return Json(await self._answer(operation, call), operation.status)
        return await self._once(operation, call, raw)

    async def _once(self, operation: Operation, call: Call, raw: bytes) -> Response:
        """Do a request unless it was done before."""
        key = (call.user_id, operation.name, call.ids, call.key)
        try:
            before = self._answers.begin(key, raw)
        except Conflict as conflict:
            return problem(conflict.status, conflict.why)
        if before is not None:
            again = Response(before[1], before[0], media_type="application/json")
            again.headers["Idempotency-Replayed"] = "true"
            return again
        status, body = 500, b""
        try:
            body = encoded(await self._answer(operation, call))
            status = operation.status
        finally:
            self._answers.end(key, status, body)
        return Response(body, status, media_type="application/json")

    async def _answer(self, operation: Operation, call: Call) -> Any:
        """Return what a verb answers, as plain JSON."""

        def answer() -> Any:
            kind = adapter(operation.gives)
            return kind.dump_python(kind.validate_python(operation.handler(call)), mode="json")

        # What may wait for a model has places of its own: an `add` never queues behind one.
        limiter = self._waiting if operation.waits else None
        return await to_thread.run_sync(answer, limiter=limiter)

    async def _streamed(self, call: Call) -> Response:
        """Answer piece by piece: events "piece", then "done"; "problem" when the model fails."""
        begin = functools.partial(call.memory.respond_stream, **hints(call))
        pieces = await to_thread.run_sync(begin, limiter=self._waiting)

        async def events() -> AsyncIterator[str]:
            try:
                while True:
                    one = functools.partial(next, pieces, None)
                    piece = await to_thread.run_sync(one, limiter=self._waiting)
                    if piece is None:
                        break
                    yield _event("piece", {"text": piece})
            except MemoryOSError as error:
                body = {"title": "The answer broke off", "status": 502, "detail": str(error)}
                yield _event("problem", {"type": "about:blank", **body})
                return
            finally:
                # Also when the reader has gone: what was said is journalled as incomplete.
                with CancelScope(shield=True):
                    await to_thread.run_sync(functools.partial(_close, pieces))
            yield _event("done", {})

        return StreamingResponse(events(), media_type="text/event-stream")

    def _call(self, operation: Operation, request: Request, raw: bytes) -> Call:
        """Return a request, checked. Raises HTTPException or InvalidInput."""
        identity: Identity = request.state.identity
        given = _parameters(operation, request)
        ids = {name: given.pop(name) for name in SCOPE if name in given}
        user = ids.get("user_id", identity.user_id)
        if not operation.of_a_memory:
            user = _NO_USER
        elif not user:
            raise InvalidInput("user_id is missing: say whose memory")
        elif not identity.may_see(user):
            raise HTTPException(403, "The token is not that of this user.")
        return Call(
            request,
            self._engine,
            identity.user_id,
            (user, ids.get("assistant_id", "assistant"), ids.get("session_id", "default")),
            given,
            _body(operation, raw),
            _key(operation, request),
        )


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return what makes JSON of a type, and its schema."""
    return TypeAdapter(kind)


def _close(pieces: Iterator[str]) -> None:
    if isinstance(pieces, Generator):
        pieces.close()


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


async def _raw_body(operation: Operation, request: Request) -> bytes:
    """Return the body of a request. Raises HTTPException for one that is no JSON by its type."""
    if operation.body is None:
        return b""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON: Content-Type: application/json")
    return await request.body()


def _body(operation: Operation, raw: bytes) -> Any:
    if operation.body is None:
        return None
    try:
        # Read here, not by pydantic: of two members of one name it would take the last silently.
        value = json.loads(raw, parse_constant=_no_constant, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"The body is not JSON: {error}") from None
    try:
        return operation.body.model_validate(value)
    except ValidationError as error:
        raise InvalidInput(_first(error, "body")) from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _parameters(operation: Operation, request: Request) -> dict[str, Any]:
    """Return the parameters of a request, by the operation's table. Raises InvalidInput."""
    known = {parameter.name: parameter for parameter in operation.parameters}
    found: dict[str, Any] = {}
    try:
        unquote_to_bytes(request.url.query).decode()
    except UnicodeDecodeError:
        raise InvalidInput("the query is not UTF-8") from None  # two ids might become one
    for name, text in request.query_params.multi_items():
        if name in found:
            raise InvalidInput(f"{name} is given twice")
        if name in known:
            found[name] = _value(known[name], text)
        elif name in SCOPE and operation.of_a_memory:
            found[name] = text
        else:
            raise InvalidInput(f"there is no parameter {name!r}")
    for required in ("page_id", "knowledge_id"):
        if required in known and required not in found:
            raise InvalidInput(f"{required} is missing")
    return found


def _value(parameter: Parameter, text: str) -> Any:
    """Return a parameter's value. Raises InvalidInput."""
    schema = parameter.schema
    if schema["type"] == "boolean":
        if text not in ("true", "false"):
            raise InvalidInput(f"{parameter.name} must be true or false")
        return text == "true"
    if schema["type"] == "integer":
        least, most = schema["minimum"], schema["maximum"]
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:20]) <= most:
            raise InvalidInput(f"{parameter.name} must be a whole number from {least} to {most}")
        return int(text)
    if "enum" in schema and text not in schema["enum"]:
        raise InvalidInput(f"{parameter.name} must be one of {', '.join(schema['enum'])}")
    if not text:
        raise InvalidInput(f"{parameter.name} is empty")
    return text


def _key(operation: Operation, request: Request) -> str | None:
    """Return the idempotency key of a request. Raises InvalidInput."""
    key = request.headers.get("idempotency-key")
    if key is None or not operation.changes:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not all("!" <= sign <= "~" for sign in key):
        raise InvalidInput(
            f"Idempotency-Key must have from 1 to {LONGEST_KEY} letters, digits and signs of ASCII"
        )
    return key


def _first(error: ValidationError, what: str) -> str:
    """Say what is wrong first, and where, without repeating what was given."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or what
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {first['msg']}{more}"
