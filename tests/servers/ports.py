"""Ports that stay ours while a server is down."""

import socket
from typing import Self


class ReservedPort:
    """A free port on an address of this machine, held by a socket that never listens.

    Both sockets allow reuse, so a server can bind the port, die and bind it again, while no other process
    is handed the number in between. Raises OSError where a certain `number` is not free.
    """

    def __init__(self, host: str = "127.0.0.1", number: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((host, number))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Let anyone have the port."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
