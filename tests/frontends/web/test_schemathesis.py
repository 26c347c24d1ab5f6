"""The API against its own document, with requests that nobody here wrote."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from memoryos import Engine
from memoryos.frontends.web import web_app
from memoryos.frontends.web.api.table import OPERATIONS
from tests.frontends.web.conftest import GUARDED, TOKEN, TOMS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HOST = {"Host": "127.0.0.1"}

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
EXAMPLES = 40
CASES = [pytest.param(o, id=o.name) for o in OPERATIONS]
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


def described(engine: Engine, operation):
    app = web_app(engine, GUARDED)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=HOST)
    schema.raw_schema.pop("security")  # every request carries its token; that is test_guard's
    return schema[operation.path][operation.method]


@pytest.mark.parametrize("operation", CASES)
def test_what_the_document_allows_is_done(engine: Engine, operation) -> None:
    """With a user's token, so that it need not be said whose memory."""
    cases = described(engine, operation).as_strategy(generation_mode=GenerationMode.POSITIVE)

    @SETTINGS
    @given(case=cases)
    def run(case) -> None:
        case.query.pop("user_id", None)
        case.headers.pop("Idempotency-Key", None)  # used before for another body, it is refused
        head = {**HOST, "Authorization": f"Bearer {TOMS}"}
        case.call_and_validate(headers=head, checks=[*CHECKS, positive_data_acceptance])

    run()


@pytest.mark.parametrize("operation", [c for c in CASES if c.values[0].of_a_memory])
def test_what_the_document_forbids_is_a_problem(engine: Engine, operation) -> None:
    cases = described(engine, operation).as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @SETTINGS
    @given(case=cases)
    def run(case) -> None:
        head = {**HOST, "Authorization": f"Bearer {TOKEN}"}
        case.call_and_validate(headers=head, checks=[*CHECKS, negative_data_rejection])

    run()
