"""Everything that can go wrong, and the problem it is told as.

PlayheadError
 ├─ RequestError            the sender's fault: 4xx, never worth a retry as it stands
 │   ├─ InvalidRequestError      400
 │   │   └─ UnstorableError          400, the database will never take these events
 │   ├─ UnauthorizedError        401
 │   ├─ ForbiddenError           403
 │   ├─ NotFoundError            404
 │   ├─ MethodNotAllowedError    405
 │   ├─ ReceiveTimeoutError      408
 │   ├─ ConflictError            409
 │   ├─ TooLargeError            413
 │   ├─ UnsupportedMediaError    415
 │   └─ TooManyRequestsError     429, retry after a while
 ├─ UnavailableError        503, retry after a while
 ├─ StoreError              the database refused or failed
 │   ├─ StoreUnavailableError    it may work later (down, slow, out of memory)
 │   │   ├─ StoreLostError           no answer came; a read may be asked again at once
 │   │   └─ StoreDeniedError         the database's user may not do it, until an operator has acted
 │   └─ StoreRejectedError       it will never work as it stands (bad row, bad query)
 ├─ JobError                a job could not do its work
 ├─ MigrationError          the schema is not what this version can work on
 └─ SettingsError           a setting has no usable value

Every error that reaches a client is RFC 9457 `application/problem+json`, made by `problem()`.
"""

import msgspec

PROBLEM_MEDIA_TYPE = "application/problem+json"


class PlayheadError(Exception):
    """Root of all errors raised on purpose; `detail` is safe to show to the client."""

    status = 500
    code = "internal_error"
    title = "Internal error"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[str, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after_s = retry_after_s


class RequestError(PlayheadError):
    """The request cannot be served as it stands."""


class InvalidRequestError(RequestError):
    """The request is not valid; `errors` says what is wrong, one sentence each."""

    status = 400
    code = "invalid_request"
    title = "Invalid request"


class UnstorableError(InvalidRequestError):
    """The events are of the right form, yet the database will never take them; they are kept as dead letters."""

    code = "store_rejected"
    title = "The events cannot be stored"


class UnauthorizedError(RequestError):
    """No key, or one that is not known."""

    status = 401
    code = "unauthorized"
    title = "A valid key is required"


class ForbiddenError(RequestError):
    """The key is good but not for this."""

    status = 403
    code = "forbidden"
    title = "This key may not do that"


class NotFoundError(RequestError):
    """There is no such thing, or this key may not know of it."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowedError(RequestError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class ReceiveTimeoutError(RequestError):
    """The body did not come in time; the connection is closed."""

    status = 408
    code = "receive_timeout"
    title = "The body did not come in time"


class ConflictError(RequestError):
    """The state of the thing does not allow it."""

    status = 409
    code = "conflict"
    title = "Conflict"


class TooLargeError(RequestError):
    """The body is over its limit, as sent or decompressed."""

    status = 413
    code = "too_large"
    title = "Body too large"


class UnsupportedMediaError(RequestError):
    """The content type or encoding is not one of the protocol's."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class TooManyRequestsError(RequestError):
    """Over a rate limit; `retry_after_s` says when to come back."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"


class UnavailableError(PlayheadError):
    """Nothing can be taken or answered right now; `retry_after_s` says when to come back."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"


class StoreError(PlayheadError):
    """The database refused or failed; `code_number` is ClickHouse's error code, 0 if unknown."""

    status = 503
    code = "store_error"
    title = "The database failed"

    def __init__(self, detail: str = "", *, code_number: int = 0) -> None:
        super().__init__(detail)
        self.code_number = code_number


class StoreUnavailableError(StoreError):
    """The database may do it later: down, slow, read-only, out of memory or disk."""

    code = "store_unavailable"
    title = "The database is not available"


class StoreLostError(StoreUnavailableError):
    """The connection failed, or a shard's did: the statement may have been done or not."""


class StoreDeniedError(StoreUnavailableError):
    """The user that the database is reached as does not exist or may not do this; events wait in the spool."""

    code = "store_denied"
    title = "The database does not let the service do this"


class StoreRejectedError(StoreError):
    """The database will never do it as it stands: a row or query it cannot accept."""

    status = 500
    code = "store_rejected"
    title = "The database refused the statement"


class JobError(PlayheadError):
    """A job could not do its work; the text says why, to whoever asks for its runs."""

    code = "job_failed"
    title = "The job failed"


class MigrationError(PlayheadError):
    """The schema was changed by hand, or belongs to a newer version."""

    code = "migration_error"
    title = "The database schema does not fit"


class SettingsError(PlayheadError):
    """A setting has no usable value; the text names it."""

    code = "settings_error"
    title = "A setting is not valid"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details, with Playhead's `code` and `errors`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[str] = []


def problem(error: PlayheadError) -> Problem:
    """Return what the client is told of `error`; faults of ours keep their details to the log."""
    is_fault = error.status >= 500 and not isinstance(error, UnavailableError)
    return Problem(
        type=f"urn:playhead:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.title if is_fault else error.detail,
        code=error.code,
        errors=list(error.errors),
    )


def problem_headers(error: PlayheadError) -> dict[str, str]:
    """Return the headers that go with `error`: when to retry, how to sign in."""
    headers: dict[str, str] = {}
    retry_after_s = error.retry_after_s or (1 if error.status in {429, 503} else None)
    if retry_after_s:
        headers["Retry-After"] = str(retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="playhead"'
    return headers


def encode_problem(error: PlayheadError) -> bytes:
    """Return the problem document as JSON bytes."""
    return msgspec.json.encode(problem(error))
