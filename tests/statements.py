"""What a store is asked."""

from typing import Any

import pytest

from playhead.store.clients import ClientStore


def record_statements(store: ClientStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every statement that `store` fetches by is added from now on."""
    asked: list[str] = []
    fetch = store.fetch

    async def record(sql: str, *rest: Any) -> list[Any]:
        asked.append(sql)
        return await fetch(sql, *rest)

    monkeypatch.setattr(store, "fetch", record)
    return asked
