"""What an error of the database means for who asks: whether, and when, to try again."""

from enum import StrEnum

from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from playhead.errors import StoreDeniedError, StoreError, StoreLostError, StoreRejectedError, StoreUnavailableError


class ErrorClass(StrEnum):
    """When it may work."""

    REJECTED = "rejected"
    """Never: the statement or the row is at fault (parsing, types, ranges, syntax)."""

    DENIED = "denied"
    """Once an operator has acted: who asks is not known, or may not do it."""

    OVERLOADED = "overloaded"
    """Later, and not sooner for asking more: no time, memory, disk, parts, quota or permission to write."""

    LOST = "lost"
    """At once, where asking twice does no harm: no answer came."""


_REJECTED = frozenset({
    6, 20, 26, 27, 33, 38, 41, 42, 43, 44, 46, 47, 53, 62, 70, 72, 117, 128, 130, 131, 158, 190, 307, 321, 349, 376,
    396, 407, 441, 456, 457, 691,
})  # fmt: skip
_DENIED = frozenset({164, 192, 193, 194, 195, 291, 452, 492, 497, 516})
"""READONLY, unknown users and wrong passwords, SETTING_CONSTRAINT_VIOLATION, ACCESS_DENIED, AUTHENTICATION_FAILED."""

_LOST = frozenset({3, 32, 101, 209, 210, 236, 279, 425})
"""The end of a stream too early, sockets, ABORTED, ALL_CONNECTION_TRIES_FAILED (to a shard), SYSTEM_ERROR."""

_ERRORS = {
    ErrorClass.REJECTED: StoreRejectedError,
    ErrorClass.DENIED: StoreDeniedError,
    ErrorClass.OVERLOADED: StoreUnavailableError,
    ErrorClass.LOST: StoreLostError,
}


def error_class(error: ClickHouseError | OSError) -> ErrorClass:
    """Return what `error` of the driver means; one that nobody has heard of may work later."""
    code = int(getattr(error, "code", None) or 0)
    if not code:
        is_slow = isinstance(error.__cause__, HttpTimeoutError) or isinstance(error, TimeoutError)
        return ErrorClass.OVERLOADED if is_slow else ErrorClass.LOST
    for known, codes in ((ErrorClass.REJECTED, _REJECTED), (ErrorClass.DENIED, _DENIED), (ErrorClass.LOST, _LOST)):
        if code in codes:
            return known
    return ErrorClass.OVERLOADED


def classify_error(error: ClickHouseError | OSError) -> StoreError:
    """Return `error` of the driver as one of ours."""
    return _ERRORS[error_class(error)](str(error), code_number=int(getattr(error, "code", None) or 0))
