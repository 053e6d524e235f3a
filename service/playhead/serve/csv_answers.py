"""Answers that can be had as CSV: how that is asked for, told in the API's description, and sent."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.response import Stream

from playhead.serve.table import to_csv


@dataclass
class AsCsvToo(Operation):
    """An operation whose answer can be had as CSV instead of JSON."""

    def __post_init__(self) -> None:
        """Add the media type to the answer."""
        answer = (self.responses or {})["200"]
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            answer.content["text/csv"] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))


def wants_csv(request: Request[Any, Any, Any], format_: str) -> bool:
    """Return whether the caller asked for CSV, by `format=csv` or by `Accept`."""
    return format_ == "csv" or "text/csv" in request.headers.get("accept", "")


def send_csv(name: str, rows: Sequence[msgspec.Struct], columns: Sequence[str]) -> Response[str]:
    """Return `name`.csv with these columns of `rows`."""
    return Response(to_csv(rows, columns), media_type="text/csv", headers=_disposition(name))


def _disposition(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}


async def stream_csv(
    name: str, row_type: type[msgspec.Struct], pages: AsyncIterator[Sequence[msgspec.Struct]]
) -> Stream:
    """Return `name`.csv with the rows of all pages; what is wrong with the first page is raised, not sent."""
    columns = row_type.__struct_fields__
    header = to_csv((), columns)
    first = await anext(pages)

    async def parts() -> AsyncIterator[str]:
        yield to_csv(first, columns)
        async for page in pages:
            yield to_csv(page, columns).removeprefix(header)

    return Stream(parts(), media_type="text/csv", headers=_disposition(name))
