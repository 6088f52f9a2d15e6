"""Fuzz against the server's own document: whatever is sent, an answer of its kinds comes, and never a 5xx."""

import pytest
import schemathesis
import stage
from conftest import Process
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

schema = schemathesis.pytest.from_fixture("document")


@pytest.fixture(scope="module")
def server(bundle, sqlite_store, tmp_path_factory):
    process = Process(bundle, sqlite_store, tmp_path_factory.mktemp("fuzz")).started()
    yield process
    assert process.stop() == 0
    assert process.events("request_crashed") == []


@pytest.fixture(scope="module")
def document(server):
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


@schema.parametrize()
@settings(max_examples=stage.EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_request_gets_an_answer_of_the_documents_kinds(case):
    response = case.call(timeout=20)
    case.validate_response(response, checks=[not_a_server_error, response_schema_conformance, status_code_conformance])
