"""The GETs below /admin, found in the OpenAPI document: a test that walks them meets those that come later too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.service import RunningService

MAX_CHOICES = 12
"""Of a parameter with more choices, which are columns to sort by, none finds other rows than the rest."""


@dataclass(frozen=True)
class Call:
    """A GET of the document; `parameters` are those of its query."""

    path: str
    parameters: Mapping[str, Mapping[str, Any]]

    def required(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters that must be there, each with a value of its schema, and those of `given` it knows."""
        known = {name: value for name, value in given.items() if name in self.parameters}
        return known | {
            name: str(one["schema"]["enum"][0]) for name, one in self.parameters.items() if one.get("required")
        }

    def variants(self, filters: Mapping[str, str], told: Mapping[str, list[str]]) -> list[dict[str, str]]:
        """Return further parameters: none, all `filters`, all switches, and one by one each choice of the others.

        `told` has values of parameters that the document leaves open, or fewer than it lists.
        """
        schemas = {name: one["schema"] for name, one in self.parameters.items() if name not in filters}
        narrowed = {name: value for name, value in filters.items() if name in self.parameters}
        switches = {name: "true" for name, schema in schemas.items() if schema.get("type") == "boolean"}
        found: list[dict[str, str]] = [{}, *filter(None, (narrowed, switches))]
        for name, schema in schemas.items():
            choices = told.get(name, schema.get("enum", []))
            if len(choices) <= MAX_CHOICES:
                found += [{name: str(choice)} for choice in choices if choice is not None]
        return found


async def find_calls(service: RunningService) -> list[Call]:
    """Return every GET below /admin that the document has."""
    document = (await service.client.get("/schema/openapi.json")).json()
    return [
        Call(path, {one["name"]: one for one in calls["get"].get("parameters", []) if one["in"] == "query"})
        for path, calls in document["paths"].items()
        if path.startswith("/admin/") and "get" in calls
    ]
