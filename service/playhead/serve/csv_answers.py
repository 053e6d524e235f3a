"""Answers that can be had as CSV: how that is asked for, told in the API's description, and sent."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.openapi.spec import OpenAPIHeader, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.response import Stream

from playhead.rollup.refresh import RefreshState
from playhead.serve.table import to_csv

FRESHNESS = "Freshness-S"
"""The header that says of a table what freshness_s says in JSON; not there before the first refresh."""


@dataclass
class AsCsvToo(Operation):
    """An operation whose answer can be had as CSV instead of JSON."""

    def __post_init__(self) -> None:
        """Add the media type and the header to the answer."""
        answer = (self.responses or {})["200"]
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/csv"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
            described = "Of CSV: the age of the newest data that it surely includes, in seconds."
            header = OpenAPIHeader(schema=Schema(type=OpenAPIType.NUMBER), description=described)
            answer.headers = {**(answer.headers or {}), FRESHNESS: header}


def wants_csv(request: Request[Any, Any, Any], format_: str) -> bool:
    """Return whether the caller asked for CSV, by `format=csv` or by `Accept`."""
    return format_ == "csv" or "text/csv" in request.headers.get("accept", "")


def send_csv(name: str, rows: Sequence[msgspec.Struct], columns: Sequence[str], state: RefreshState) -> Response[str]:
    """Return `name`.csv with these columns of `rows`, which are as fresh as `state` says."""
    return Response(to_csv(rows, columns), media_type="text/csv", headers=_headers(name, state))


def _headers(name: str, state: RefreshState) -> dict[str, str]:
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return headers if state.freshness_s is None else {**headers, FRESHNESS: str(state.freshness_s)}


async def stream_csv(
    name: str, row_type: type[msgspec.Struct], pages: AsyncIterator[Sequence[msgspec.Struct]], state: RefreshState
) -> Stream:
    """Return `name`.csv with the rows of all pages, read after `state`; what is wrong with the first is raised."""
    columns = row_type.__struct_fields__
    header = to_csv((), columns)
    first = await anext(pages)

    async def parts() -> AsyncIterator[str]:
        yield to_csv(first, columns)
        async for page in pages:
            yield to_csv(page, columns).removeprefix(header)

    return Stream(parts(), media_type="text/csv", headers=_headers(name, state))
