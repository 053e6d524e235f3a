"""The address of a server: what its URL says."""

import pytest

from playhead.store.server import ServerAddress, read_server_address


@pytest.mark.parametrize("is_secure", [False, True])
def test_an_address_written_as_a_url_is_read_back(is_secure: bool) -> None:
    """Users and passwords may hold what has a meaning in a URL."""
    address = ServerAddress(
        host="db.example", port=8124, is_secure=is_secure, user="a/b@c", password="p:w#?%/@", database="playhead"
    )
    assert read_server_address(address.url) == address
