"""The OpenAPI 3.1 document, made of the table of verbs and of the types that they take and give."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter

from memoryos.frontends.web.api import schemas
from memoryos.frontends.web.api.operations import ID, Operation, Parameter

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "description": "It could not be done; the problem says why (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
}
_WHOSE = (
    Parameter("user_id", ID, "Whose memory; with a user's token it need not be said."),
    Parameter("assistant_id", {**ID, "default": "assistant"}, "With which assistant."),
    Parameter("session_id", {**ID, "default": "default"}, "Seen from which session."),
)
_REQUIRED = ("page_id", "knowledge_id")
_EVENT = {
    "type": "object",
    "description": 'One event; the data of a piece is {"text": …}, of a problem a Problem.',
    "properties": {
        "event": {"type": "string", "enum": ["piece", "done", "problem"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with the same key, a request is not done again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document."""
    found = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(
            operation, found
        )
    found.of(schemas.Problem, "serialization")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MemoryOS",
            "version": version("memoryos-integrations"),
            "description": "Memory for agents: durable, in three tiers, with sources.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(found.known.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The schemas of types, gathered."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}

    def of(self, kind: Any, mode: Any) -> dict[str, Any]:
        """Return the schema of a type: a reference, where it has a name."""
        schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=_REF)
        self.known.update(schema.pop("$defs", {}))
        name = getattr(kind, "__name__", None)
        if name is None or "$ref" in schema:
            return schema
        self.known[name] = schema
        return {"$ref": _REF.format(model=name)}


def _described(operation: Operation, found: _Schemas) -> dict[str, Any]:
    content = {"application/json": {"schema": found.of(operation.gives, "serialization")}}
    if operation.streams:
        content["text/event-stream"] = {"schema": _EVENT}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": [
            *(_parameter(parameter) for parameter in operation.parameters),
            *(_parameter(parameter) for parameter in _WHOSE if operation.of_a_memory),
            *([_KEY] if operation.changes else []),
        ],
        "responses": {
            str(operation.status): {"description": "Done.", "content": content},
            "default": _PROBLEM,
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": found.of(operation.body, "validation")}},
        }
    if operation.open:
        described["security"] = []
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.name in _REQUIRED,
        "description": parameter.about,
        "schema": dict(parameter.schema),
    }
