"""Every prefix of an answer is no answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from urllib3.exceptions import HTTPError

from playhead.store.whole_answers import open_pool_manager

ANSWERS = {
    "by its length": b'HTTP/1.1 200 OK\r\nX-Y: z\r\nContent-Length: 12\r\nX-Z: y\r\n\r\n{"n": 1234}\n',
    "in chunks": b"HTTP/1.1 200 OK\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\nX-Z: y\r\n\r\n"
    b'c\r\n{"n": 1234}\n\r\n0\r\n\r\n',
}


@contextmanager
def serving(parts: list[bytes]) -> Iterator[int]:
    """Give the port of a server that answers each connection with the next of `parts` and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for part in parts:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(part)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_only_the_whole_answer_is_taken(answer: bytes) -> None:
    """Wherever it is cut: in the status, in the names and values of headers, in the body."""
    # The last chunk is told by its size, 0; the ends of lines after it say nothing more.
    end = len(answer) - (len(b"\r\n\r\n") if answer.endswith(b"0\r\n\r\n") else 0)
    with serving([answer[:size] for size in range(end)] + [answer]) as port:
        pool = open_pool_manager("http", "127.0.0.1", port, 1)
        taken = []
        for size in range(end):
            try:
                taken.append((size, pool.request("POST", f"http://127.0.0.1:{port}/", body=b"x", retries=False).data))
            except HTTPError:
                continue
        whole = pool.request("POST", f"http://127.0.0.1:{port}/", body=b"x", retries=False).data
        pool.clear()
    assert (taken, whole) == ([], b'{"n": 1234}\n')
