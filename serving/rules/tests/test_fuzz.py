"""Fuzz against the service's own document: whatever is sent, an answer of its kinds comes, and never a 5xx.

`EXAMPLES=2000` looks longer.
"""

import os

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

EXAMPLES = int(os.environ.get("EXAMPLES", "40"))
schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request_gets_an_answer_of_the_documents_kinds(case):
    response = case.call(timeout=20)
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance, status_code_conformance])
