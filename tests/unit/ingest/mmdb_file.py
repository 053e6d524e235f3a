"""Writes tiny MaxMind DB files (format 2.0) for tests: a search tree of networks over country records.

The format: MaxMind DB File Format Specification 2.0. Records are 24 bits wide; data are maps, texts and numbers.
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path

MARKER = b"\xab\xcd\xefMaxMind.com"
_TEXT, _MAP, _UINT16, UINT32, _UINT64, _ARRAY = 2, 7, 5, 6, 9, 11

Number = tuple[int, int]
"""The type a number is written as, and the number; readers check the types of metadata."""

Value = str | Number | list[str] | Mapping[str, "Value"]


def write_mmdb(path: Path, records: Mapping[str, Value], *, ip_version: int = 6) -> Path:
    """Write a database in which each network of `records` has its record; return `path`.

    In a database of IP version 6 the IPv4 networks lie under ::/96, as the format has it.
    """
    tree, data = _Tree(), b""
    for network, record in records.items():
        tree.insert(_bits(network, ip_version), len(data))
        data += _encode(record)
    metadata: Mapping[str, Value] = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_783_000_000),
        "database_type": "Test-Country",
        "description": {"en": "Made by a test"},
        "ip_version": (_UINT16, ip_version),
        "languages": ["en"],
        "node_count": (UINT32, len(tree.nodes)),
        "record_size": (_UINT16, 24),
    }
    path.write_bytes(tree.encode() + bytes(16) + data + MARKER + _encode(metadata))
    return path


class _Tree:
    """A binary tree of address bits; a child is None, ("node", index) or ("data", offset)."""

    def __init__(self) -> None:
        self.nodes: list[list[tuple[str, int] | None]] = [[None, None]]

    def insert(self, bits: str, offset: int) -> None:
        index = 0
        for bit in map(int, bits[:-1]):
            child = self.nodes[index][bit]
            if child is None:
                self.nodes.append([None, None])
                child = self.nodes[index][bit] = ("node", len(self.nodes) - 1)
            index = child[1]
        self.nodes[index][int(bits[-1])] = ("data", offset)

    def encode(self) -> bytes:
        return b"".join(self._encode_child(child).to_bytes(3, "big") for node in self.nodes for child in node)

    def _encode_child(self, child: tuple[str, int] | None) -> int:
        match child:
            case None:
                return len(self.nodes)
            case ("node", index):
                return index
            case _:
                return len(self.nodes) + 16 + child[1]


def _bits(network: str, ip_version: int) -> str:
    block = ipaddress.ip_network(network)
    bits = f"{int(block.network_address):0{block.max_prefixlen}b}"[: block.prefixlen]
    return "0" * 96 + bits if ip_version == 6 and block.version == 4 else bits


def _encode(value: Value) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _control(_TEXT, len(text)) + text
        case tuple():
            kind, number = value
            digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _control(kind, len(digits)) + digits
        case list():
            return _control(_ARRAY, len(value)) + b"".join(map(_encode, value))
        case _:
            pairs = (_encode(key) + _encode(item) for key, item in value.items())
            return _control(_MAP, len(value)) + b"".join(pairs)


def _control(kind: int, size: int) -> bytes:
    assert size < 285
    small, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    head = bytes([kind << 5 | small]) if kind < 8 else bytes([small, kind - 7])
    return head + rest
