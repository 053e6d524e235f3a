"""Who a request came from: the client behind trusted proxies, and the network it is in.

Addresses are looked at and forgotten: nothing here keeps one or logs one.
"""

import ipaddress
import socket
from collections.abc import Sequence

from playhead.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

IPV4_PREFIX_BITS = 24
IPV6_PREFIX_BITS = 48
"""What one household, office or provider's customer is given at most."""


class Proxies:
    """The proxies whose word is believed; raises SettingsError on blocks that are no networks."""

    def __init__(self, blocks: Sequence[str]) -> None:
        try:
            self._networks = tuple(ipaddress.ip_network(block, strict=False) for block in blocks)
        except ValueError as error:
            raise SettingsError(f"PLAYHEAD_TRUSTED_PROXIES: {error}") from error

    def has(self, address: Address | None) -> bool:
        """Tell whether an address is that of a proxy."""
        return bool(self._networks) and address is not None and any(address in network for network in self._networks)

    def find_client(self, peer_ip: str | None, forwarded_for: str) -> Address | None:
        """Return who sent a request that `peer_ip` (None: a local socket) connected for; None where nobody can tell.

        `forwarded_for` is the X-Forwarded-For header or "", which is believed of proxies alone.
        """
        return self.find_behind(read_address(peer_ip) if peer_ip else None, forwarded_for)

    def find_behind(self, peer: Address | None, forwarded_for: str) -> Address | None:
        """Return the same of a peer whose address is read."""
        if not self.has(peer):
            return peer
        # The last hop that is no proxy of ours; what stands before it, anybody can have written.
        for hop in reversed(forwarded_for.split(",")):
            address = read_address(hop)
            if not self.has(address):
                return address
        return None


def read_address(text: str) -> Address | None:
    """Return the address in `text`, which may carry a port or brackets; None if there is none."""
    try:
        return ipaddress.IPv4Address(socket.inet_pton(socket.AF_INET, text))  # What nearly all are, read at once.
    except (OSError, ValueError):
        return _read_any_address(text.strip())


def _read_any_address(text: str) -> Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(address: Address) -> int:
    """Return a number that all addresses of one network (IPv4 /24, IPv6 /48) share."""
    bits = IPV4_PREFIX_BITS if address.version == 4 else IPV6_PREFIX_BITS
    return (int(address) >> (address.max_prefixlen - bits)) << 4 | address.version
