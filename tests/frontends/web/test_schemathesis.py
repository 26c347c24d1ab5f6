"""The API against its own document, with requests that nobody here wrote."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from memoryos import Engine
from memoryos.frontends.web import WebSettings, web_app
from memoryos.frontends.web.api.table import OPERATIONS
from tests.frontends.web.conftest import BY_HAND, TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
EXAMPLES = 40


TO_COME = {"recall", "knowledge", "remember", "correct", "profile"}
CASES = [
    pytest.param(o, id=o.name, marks=[BY_HAND] if o.name in TO_COME else []) for o in OPERATIONS
]


@pytest.mark.parametrize("operation", CASES)
def test_the_api_is_as_its_document_says(engine: Engine, operation) -> None:
    app = web_app(engine, WebSettings(token=TOKEN))
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers={"Host": "127.0.0.1"})
    described = schema[operation.path][operation.method]
    head = {"Host": "127.0.0.1", "Authorization": f"Bearer {TOKEN}"}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def run(case) -> None:
        case.call_and_validate(headers=head, checks=CHECKS)

    modes = [schemathesis.GenerationMode.POSITIVE]
    if operation.of_a_memory:  # without a parameter there is nothing to be wrong
        modes.append(schemathesis.GenerationMode.NEGATIVE)
    for mode in modes:
        cases = described.as_strategy(generation_mode=mode)
        given(case=cases)(run)()
