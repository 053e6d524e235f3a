"""Errors of the admin side, told as problem+json."""

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi import ResponseSpec

from playhead.errors import (
    PROBLEM_MEDIA_TYPE,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    PlayheadError,
    Problem,
    TooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
    UnsupportedMediaError,
    encode_problem,
    problem_headers,
)

log = structlog.get_logger()

_BY_STATUS: dict[int, type[PlayheadError]] = {
    404: NotFoundError,
    405: MethodNotAllowedError,
    413: TooLargeError,
    415: UnsupportedMediaError,
}


def describe_problems(*kinds: type[PlayheadError]) -> dict[int, ResponseSpec]:
    """Return what OpenAPI says of the problems a route may answer, by status.

    Where a key is asked for, those who try many wrong ones have to wait.
    """
    if UnauthorizedError in kinds:
        kinds = (*kinds, TooManyRequestsError)
    return {
        kind.status: ResponseSpec(
            Problem, generate_examples=False, description=f"{kind.title}.", media_type=PROBLEM_MEDIA_TYPE
        )
        for kind in kinds
    }


def _respond(error: PlayheadError, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        encode_problem(error),
        status_code=error.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=problem_headers(error) | (headers or {}),
    )


def handle_playhead_error(_: Request[Any, Any, Any], error: PlayheadError) -> Response[bytes]:
    """Tell an error of ours; faults go to the log."""
    if error.status >= 500:
        log.error("request_failed", code=error.code, error=str(error))
    return _respond(error)


def handle_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Tell an error of the framework: no such route, a parameter that does not fit."""
    if error.status_code >= 500:
        log.error("request_crashed", exc_info=error)
    kind = _BY_STATUS.get(error.status_code, InvalidRequestError if error.status_code < 500 else PlayheadError)
    sentences = tuple(_sentence(item) for item in error.extra or ()) if isinstance(error.extra, list) else ()
    detail = "; ".join(sentences) if sentences else error.detail
    return _respond(kind(detail, errors=sentences), dict(error.headers or {}))


def _sentence(item: Any) -> str:
    if isinstance(item, dict):
        key, message = item.get("key", "request"), item.get("message", "is not valid")
        return f"{key}: {'is required' if message == repr(key) else message}"  # a KeyError is all it tells of no body
    return str(item)


def handle_fault(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Tell a fault nobody foresaw as 500, and log where it came from."""
    log.error("request_crashed", exc_info=error)
    return _respond(PlayheadError())


EXCEPTION_HANDLERS: dict[Any, Any] = {
    PlayheadError: handle_playhead_error,
    HTTPException: handle_http_exception,
    Exception: handle_fault,
}
