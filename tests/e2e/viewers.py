"""Viewers in Chromium: each a page of its own context, whose CMCD reports are listened to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from playwright.async_api import Browser, Page, Request, async_playwright

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-first-run",
)


class Measured(msgspec.Struct, frozen=True):
    """What the page saw of its media element: wall time in playing, media time played, play to first frame."""

    playing_s: float
    played_s: float
    startup_ms: float


@dataclass
class Viewer:
    """One page that plays one stream; `reports` are the CMCD records it has sent and got an answer for."""

    page: Page
    stream_id: str
    session_id: str
    reports: list[str] = field(default_factory=list)
    _reported: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def watch_to_the_end(self, **steps: int) -> Measured:
        """Play with a pause and a jump forward, as `steps` of pages/player.js say."""
        return msgspec.convert(await self.page.evaluate("steps => viewer.watchToTheEnd(steps)", steps), Measured)

    async def watch_until(self, position_s: float) -> None:
        """Begin to play and wait until the position is reached; it plays on."""
        await self.page.evaluate("position => viewer.watchUntil(position)", position_s)

    async def pause(self) -> Measured:
        """Pause."""
        return msgspec.convert(await self.page.evaluate("viewer.pause()"), Measured)

    async def wait_for_report(self, part: str, timeout_s: float = 10) -> str:
        """Return the latest answered record that has `part` in it, once there is one."""
        async with asyncio.timeout(timeout_s), self._reported:
            await self._reported.wait_for(lambda: any(part in record for record in self.reports))
        return next(record for record in reversed(self.reports) if part in record)

    async def listen(self, request: Request) -> None:
        """Keep what a finished request reported."""
        if request.method == "POST" and request.url.endswith("/analytics/cmcd"):
            async with self._reported:
                self.reports += (request.post_data or "").splitlines()
                self._reported.notify_all()


@dataclass(frozen=True)
class Cinema:
    """Opens viewers: the browser they use, the site their pages are on and the service they report to."""

    browser: Browser
    site_url: str
    service_url: str

    @asynccontextmanager
    async def open_viewer(self, stream_id: str) -> AsyncIterator[Viewer]:
        """Give a viewer of `stream_id` whose player is loaded and has not begun to play."""
        context = await self.browser.new_context()
        viewer = Viewer(await context.new_page(), stream_id, str(uuid4()))
        viewer.page.on("requestfinished", viewer.listen)
        errors: list[Exception] = []
        viewer.page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108 - a builtin is not taken
        query: dict[str, Any] = {
            "service": self.service_url,
            "source": f"{self.site_url}/stream/master.m3u8",
            "stream": stream_id,
            "session": viewer.session_id,
        }
        await viewer.page.goto(f"{self.site_url}/pages/player.html?{urlencode(query)}")
        yield viewer
        await context.close()
        if errors:
            raise ExceptionGroup("the page failed", errors)


@asynccontextmanager
async def open_browser(chromium: str) -> AsyncIterator[Browser]:
    """Give a headless browser without a word to anyone outside."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_ARGUMENTS))
        yield browser
        await browser.close()
