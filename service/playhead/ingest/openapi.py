"""What OpenAPI says of the ingest routes, which stand outside the framework that describes the rest."""

from typing import Any

import msgspec

from playhead.errors import PROBLEM_MEDIA_TYPE, Problem
from playhead.events import Accepted, Envelope

JsonObject = dict[str, Any]

_REF = "#/components/schemas/{name}"
_REFUSALS = {
    "400": "The request as a whole is not valid; sending it again does not help.",
    "405": "Only POST and OPTIONS.",
    "408": "The body did not come in time; the connection is closed.",
    "413": "The body is too large, as sent or decompressed.",
    "415": "Not a content type or encoding of this protocol.",
    "429": "Too many requests; try again after Retry-After seconds.",
    "503": "The events can be neither stored nor kept for later; try again after Retry-After seconds.",
}


def describe_ingest() -> tuple[JsonObject, JsonObject]:
    """Return the OpenAPI `paths` of the ingest routes and the `schemas` they refer to."""
    _, schemas = msgspec.json.schema_components([Envelope, Accepted, Problem], ref_template=_REF)
    return {"/analytics/events": {"post": _native()}, "/analytics/cmcd": {"post": _cmcd()}}, schemas


def _operation(operation_id: str, summary: str, body: JsonObject, success: JsonObject) -> JsonObject:
    problem = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    refusals = {status: {"description": text, "content": problem} for status, text in _REFUSALS.items()}
    return {
        "operationId": operation_id,
        "summary": summary,
        "tags": ["ingest"],
        "security": [],
        "deprecated": False,
        "requestBody": {"required": True, "content": body},
        "responses": success | refusals,
    }


def _native() -> JsonObject:
    envelope = {"$ref": _REF.format(name="Envelope")}
    as_text = {"type": "string", "contentMediaType": "application/json", "contentSchema": envelope}
    accepted = {"application/json": {"schema": {"$ref": _REF.format(name="Accepted")}}}
    operation = _operation(
        "post_events",
        "Take a batch of player events (native protocol)",
        {"application/json": {"schema": envelope}, "text/plain": {"schema": as_text}},
        {"202": {"description": "The valid events are stored; the others are listed.", "content": accepted}},
    )
    return operation | {"parameters": [_parameter("z", "gzip: the body is compressed.", {"enum": ["gzip"]})]}


def _cmcd() -> JsonObject:
    text = {"schema": {"type": "string"}}
    operation = _operation(
        "post_cmcd",
        "Take CMCD version 2 event reports (CTA-5004-B)",
        {"application/cmcd": text, "text/cmcd": text},
        {"204": {"description": "Taken; records that cannot be used are dropped and counted."}},
    )
    parameters = [
        _parameter("stream_id", "The stream, before `cid`."),
        _parameter("client_id", "The viewer; else the session stands for one."),
        _parameter("provider", "The kind of player, before what `sf` says."),
    ]
    return operation | {"parameters": parameters}


def _parameter(name: str, description: str, schema: JsonObject | None = None) -> JsonObject:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "string"} | (schema or {}),
    }
