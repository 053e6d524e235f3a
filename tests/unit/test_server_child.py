"""Servers as child processes: waited for with a reason when they fail, killed, asked to end, on ports of their own."""

import signal
import socket
import sys
from pathlib import Path

import pytest

from tests.servers.child import Child
from tests.servers.errors import ServerFailedError
from tests.servers.ports import ReservedPort

SAY_AND_WAIT = "import signal; print('listening', flush=True); signal.pause()"


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """Return a child that was not started."""
    return Child(tmp_path / "log")


def test_a_child_is_ready_when_it_says_so(child: Child) -> None:
    """Waiting ends once the question is answered with yes; what it writes is in its log."""
    child.spawn([sys.executable, "-c", SAY_AND_WAIT])
    child.wait_until(lambda: "listening" in child.tail(), 10)
    assert child.is_up
    child.kill()
    assert not child.is_up


def test_a_child_that_ends_is_told_with_its_last_words(child: Child) -> None:
    """A server that dies on start fails at once, not at the deadline."""
    child.spawn([sys.executable, "-c", "raise SystemExit('no disk')"])
    with pytest.raises(ServerFailedError, match=r"ended with 1:\nno disk"):
        child.wait_until(lambda: False, 30)


def test_a_child_that_never_gets_ready_is_told(child: Child) -> None:
    """A server that hangs on start fails at the deadline."""
    child.spawn([sys.executable, "-c", SAY_AND_WAIT])
    with pytest.raises(ServerFailedError, match=r"not ready within 0 s"):
        child.wait_until(lambda: False, 0.01)
    child.kill()


def test_a_child_can_end_in_its_own_way(child: Child) -> None:
    """SIGTERM is what it is asked with, and its exit status is returned."""
    child.spawn([sys.executable, "-c", SAY_AND_WAIT])
    child.wait_until(lambda: "listening" in child.tail(), 10)
    assert child.terminate() == -signal.SIGTERM


def test_what_is_down_has_no_process_id(child: Child) -> None:
    """Asking for it is an error of the test."""
    with pytest.raises(ValueError, match="down"):
        _ = child.pid


def test_a_reserved_port_can_be_listened_on_again_and_again() -> None:
    """A server may bind the port, die and bind it again while it stays reserved."""
    with ReservedPort() as port:
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port.number)) as server:
                with socket.create_connection(("127.0.0.1", port.number)) as client:
                    connection, _ = server.accept()
                    connection.close()
                assert client.fileno() == -1


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    """Who asks for any free port gets another one."""
    with ReservedPort() as port:
        taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(500)]
        numbers = {server.getsockname()[1] for server in taken}
        for server in taken:
            server.close()
    assert port.number not in numbers
