"""The web site that the pages are on: not the origin of the service, as in real life."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class Site(ThreadingHTTPServer):
    """Serves folders, each under the first word of its path, on 127.0.0.1."""

    daemon_threads = True

    def __init__(self, folders: Mapping[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folders = folders

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Players drop requests they no longer need; that is no error."""


class _Handler(SimpleHTTPRequestHandler):
    server: Site
    protocol_version = "HTTP/1.1"
    extensions_map = {  # noqa: RUF012 - the base class keeps it so
        **SimpleHTTPRequestHandler.extensions_map,
        ".m3u8": "application/vnd.apple.mpegurl",
        ".ts": "video/mp2t",
    }

    def translate_path(self, path: str) -> str:
        """Return the file for a path of the URL; paths outside of the folders lead to none."""
        root, _, rest = path.partition("?")[0].strip("/").partition("/")
        folder = self.server.folders.get(root)
        file = (folder / rest).resolve() if folder else None
        return str(file) if file and folder and file.is_relative_to(folder.resolve()) else "/nonexistent"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@contextmanager
def open_site(folders: Mapping[str, Path]) -> Iterator[Site]:
    """Serve `folders` from a thread until the end of the block."""
    with Site(folders) as site:
        thread = Thread(target=site.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
