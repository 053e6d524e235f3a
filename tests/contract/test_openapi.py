"""The OpenAPI document is valid and complete, and what it says the service does, on both engines."""

import re
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

import httpx
import hypothesis
import jsonschema_rs
import pytest
import requests
import schemathesis
from litestar import Litestar
from schemathesis import Case, Config, GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

import playhead.app
from playhead.ingest.routes import IngestApp
from playhead.settings import Settings
from tests.servers.service_process import ServiceProcess
from tests.unit.ingest.fake_store import FakeStore

KEYED = ["401", "429", "503"]
ADMIN = ["400", "403", *KEYED]
INGEST = ["400", "405", "408", "413", "415", "429", "503"]
OPERATIONS = {
    ("GET", "/admin/analytics/streams"): ["200", *ADMIN],
    ("GET", "/admin/analytics/streams/summary"): ["200", *ADMIN],
    ("GET", "/admin/analytics/streams/{stream_id}"): ["200", *ADMIN, "404"],
    ("GET", "/admin/analytics/streams/{stream_id}/timeseries"): ["200", *ADMIN, "404"],
    ("GET", "/admin/analytics/streams/{stream_id}/concurrency"): ["200", *ADMIN, "404"],
    ("GET", "/admin/analytics/timeseries"): ["200", *ADMIN],
    ("GET", "/admin/analytics/concurrency"): ["200", *ADMIN],
    ("GET", "/admin/analytics/breakdown"): ["200", *ADMIN, "404"],
    ("GET", "/admin/analytics/streams/{stream_id}/sessions"): ["200", *ADMIN, "404"],
    ("GET", "/admin/analytics/sessions/{session_id}"): ["200", "400", "404", *KEYED],
    ("GET", "/admin/analytics/live"): ["200", *ADMIN],
    ("GET", "/admin/analytics/metrics"): ["200", *KEYED],
    ("GET", "/admin/streams"): ["200", *ADMIN],
    ("GET", "/admin/streams/{stream_id}"): ["200", "400", "404", *KEYED],
    ("PUT", "/admin/streams/{stream_id}"): ["200", "201", *ADMIN, "404", "413"],
    ("DELETE", "/admin/streams/{stream_id}"): ["204", "400", "404", *KEYED],
    ("GET", "/admin/keys"): ["200", "403", *KEYED],
    ("POST", "/admin/keys"): ["201", *ADMIN, "413"],
    ("DELETE", "/admin/keys/{key_id}"): ["204", *ADMIN, "404", "409"],
    ("GET", "/admin/jobs"): ["200", "403", *KEYED],
    ("POST", "/admin/jobs/{name}/run"): ["202", *ADMIN, "404", "409"],
    ("GET", "/admin/drift"): ["200", "403", *KEYED],
    ("GET", "/admin/ingest"): ["200", "403", *KEYED],
    ("GET", "/health/live"): ["200"],
    ("GET", "/health/ready"): ["200", "503"],
    ("GET", "/metrics"): ["200"],
    ("POST", "/analytics/events"): ["202", *INGEST],
    ("POST", "/analytics/cmcd"): ["204", *INGEST],
}
PAGES = {"/docs", "/docs/{name}", "/schema", "/schema/openapi.json", "/schema/{path}"}
"""What is for reading, not for calling."""
NOT_ECMA = re.compile(r"\\[AZzGhQE]|\(\?[P#imsx]")
EXAMPLES = 30


@pytest.fixture(scope="module", params=["embedded", "server"])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a running service on each engine."""
    settings = {}
    if request.param == "server":
        settings = {"PLAYHEAD_CLICKHOUSE_URL": request.getfixturevalue("fresh_database")}
    with ServiceProcess(tmp_path_factory.mktemp("service"), settings) as process:
        yield process


@pytest.fixture(scope="module")
def document(service: ServiceProcess) -> dict[str, Any]:
    """Give the document as the service serves it."""
    answer = httpx.get(f"{service.url}/schema/openapi.json", trust_env=False).raise_for_status()
    read: dict[str, Any] = answer.json()
    return read


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """Give a session that goes past any proxy of the machine."""
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    """It is valid by the schema of its version, and so is every JSON schema in it."""
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document, config=Config()).validate()
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_patterns_are_of_the_dialect_of_json_schema(document: dict[str, Any]) -> None:
    """Patterns are ECMA-262, not Python's."""
    patterns = [value for key, value in _walk(document) if key == "pattern"]
    assert "^[A-Za-z0-9._:~-]+$" in patterns
    assert [pattern for pattern in patterns if NOT_ECMA.search(pattern)] == []


def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    """Every $ref names a schema of the document."""
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert {value for key, value in _walk(document) if key == "$ref"} <= schemas


def test_every_operation_is_told_with_every_answer(document: dict[str, Any]) -> None:
    """The document has each operation, once, and the status codes it can have."""
    told = {
        (method.upper(), path): sorted(operation["responses"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert told == {operation: sorted(codes) for operation, codes in OPERATIONS.items()}
    names = [value for key, value in _walk(document["paths"]) if key == "operationId"]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    """A 4xx, and a 5xx but that of health, is problem+json; what needs a key says so."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for method, path in OPERATIONS:
        operation = document["paths"][path][method.lower()]
        refusals = [answer["content"] for code, answer in operation["responses"].items() if code >= "400"]
        assert path == "/health/ready" or all(content == problem for content in refusals), path
        assert operation.get("security", []) == ([{"BearerKey": []}] if path.startswith("/admin/") else [])


def test_csv_is_told(document: dict[str, Any]) -> None:
    """The table of streams can be had as JSON and as CSV, which says in a header how fresh it is."""
    answer = document["paths"]["/admin/analytics/streams"]["get"]["responses"]["200"]
    assert answer["headers"]["Freshness-S"]["schema"] == {"type": "number"}
    assert answer["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/StreamsAnswer"}},
        "text/csv": {"schema": {"type": "string"}},
    }


def test_no_route_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route of both applications is one of the operations, or a page."""
    paths: set[str] = set()

    def note_paths(ingest: IngestApp, admin: Litestar) -> None:
        paths.update(ingest._endpoints)
        paths.update(route.path_format for route in admin.routes)

    monkeypatch.setattr(playhead.app, "with_security_headers", lambda admin: admin)
    monkeypatch.setattr(playhead.app, "Service", note_paths)
    playhead.app.create_app(Settings(), FakeStore())
    assert paths - PAGES == {path for _, path in OPERATIONS}


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_find_the_document_kept(
    document: dict[str, Any], service: ServiceProcess, session: requests.Session, method: str, path: str
) -> None:
    """Whatever is sent, fitting or not, the status, headers and body that come back are those the document tells.

    No check asks for a refusal of what does not fit or for the taking of what does: unknown parameters are passed
    over, invalid events of a valid batch are a 202, and that `from` lies before `to` no schema can say.
    """
    operation = schemathesis.openapi.from_dict(document, config=Config())[path][method]
    modes = [GenerationMode.POSITIVE] if path.startswith(("/health", "/metrics")) else list(GenerationMode)

    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(reduce(or_, [operation.as_strategy(generation_mode=mode) for mode in modes]))
    def call(case: Case[Any]) -> None:
        case.call_and_validate(
            service.url,
            session,
            headers={"Authorization": f"Bearer {service.admin_key}"},
            excluded_checks=[negative_data_rejection, positive_data_acceptance],
        )

    call()


def test_any_batch_that_fits_the_schema_is_taken(
    document: dict[str, Any], service: ServiceProcess, session: requests.Session
) -> None:
    """A body that fits the schema of an envelope is never refused as a whole."""
    operation = schemathesis.openapi.from_dict(document, config=Config())["/analytics/events"]["POST"]

    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def send(case: Case[Any]) -> None:
        hypothesis.assume(case.media_type == "application/json")
        batch: Any = case.body
        answer = session.post(f"{service.url}/analytics/events", json=batch, timeout=30)
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] + len(answer.json()["rejected"]) == len(batch["events"])

    send()


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key of `value`, however deep, with what it holds."""
    if isinstance(value, dict):
        yield from value.items()
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from _walk(part)
