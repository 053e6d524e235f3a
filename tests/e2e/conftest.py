"""A browser, a site with pages and a stream, and the service that they report to."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.media import need_chromium, need_players, need_stream
from tests.e2e.site import Site, open_site
from tests.e2e.viewers import Cinema, open_browser
from tests.servers.service_process import ServiceProcess


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """Give a running service on an empty data folder."""
    with ServiceProcess(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Give the site that the pages, the players and the stream are on."""
    folders = {"pages": Path(__file__).parent / "pages", "players": need_players(), "stream": need_stream()}
    with open_site(folders) as running:
        yield running


@pytest.fixture(scope="module")
async def cinema(site: Site, service: ServiceProcess, anyio_backend: str) -> AsyncIterator[Cinema]:
    """Give what opens viewers of the stream."""
    async with open_browser(need_chromium()) as browser:
        yield Cinema(browser, site.url, service.url)
