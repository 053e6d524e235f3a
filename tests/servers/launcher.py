"""The process of a ClickHouse server: `python launcher.py LIBRARY CLICKHOUSE_LOCAL_ARGUMENT...`.

It is a process of its own because the library can be neither unloaded nor stopped from within, and
because tests kill it.
"""

import ctypes
import os
import sys


class LocalResult(ctypes.Structure):
    """What the library's `query_stable_v2` points to."""

    _fields_ = (
        ("buffer", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("owner", ctypes.c_void_p),
        ("elapsed_s", ctypes.c_double),
        ("rows_read", ctypes.c_uint64),
        ("bytes_read", ctypes.c_uint64),
        ("error_message", ctypes.c_char_p),
    )


def run(library: str, arguments: list[str]) -> str:
    """Run clickhouse-local with `arguments` until it ends; return what it says went wrong."""
    query = ctypes.CDLL(library).query_stable_v2
    query.restype = ctypes.POINTER(LocalResult)
    words = [os.fsencode(word) for word in ("clickhouse", *arguments)]
    result = query(len(words), (ctypes.c_char_p * len(words))(*words))
    return (result.contents.error_message or b"").decode(errors="replace") if result else ""


if __name__ == "__main__":
    sys.exit(f"the server ended: {run(sys.argv[1], sys.argv[2:])}")
