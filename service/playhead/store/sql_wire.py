"""How ClickHouse's HTTP interface writes errors, and the compressions it speaks both ways."""

import re
import secrets
import string
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import lz4.block
import lz4.frame

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

SYNTAX_ERROR = 62
NOT_IMPLEMENTED = 48
READONLY = 164
TOO_MANY_QUERIES = 202
QUERY_IS_TOO_LARGE = 208
CANNOT_DECOMPRESS = 271
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
BAD_REQUEST_PARAMETER = 36
UNKNOWN_COMPRESSION = 89
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
NOT_ENOUGH_SPACE = 243

_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    READONLY: "READONLY",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    BAD_REQUEST_PARAMETER: "BAD_REQUEST_PARAMETER",
    UNKNOWN_COMPRESSION: "UNKNOWN_COMPRESSION_METHOD",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
}
_STATUS = (
    dict.fromkeys((6, 25, 26, 27, 36, 38, 41, 53, 62, 69, 117, 167, 168, 321, 441, 457, 675, 676, 677), 400)
    | dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 83, 115, 152), 404)
    | {48: 501, 159: 408, 164: 403, 202: 503, 208: 413, 497: 403, 516: 401}
)
"""HTTP status by error code, as a ClickHouse server maps them; 500 for the rest."""

_CODE = re.compile(r"Code: (\d+)\. ")
_BLOCK_BYTES = 1024 * 1024
_MAX_BLOCK_BYTES = 128 * 1024 * 1024
_BLOCK_HEAD = struct.Struct("<QQBII")
_METHOD_NONE, _METHOD_LZ4, _METHOD_ZSTD = 0x02, 0x82, 0x90


class SqlError(Exception):
    """A request failed with ClickHouse's error `code`; the text is what the client reads."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        named = f"Code: {code}. DB::Exception: {text}. ({_NAMES[code]})" if code in _NAMES else text
        self.text = named
        self.status = _STATUS.get(code, 500)


def engine_error(error: Exception, hidden_path: str = "") -> SqlError:
    """Return what the engine raised as a SqlError; `hidden_path`, a file of ours, is not shown."""
    text = str(error)
    if hidden_path:
        text = text.replace(hidden_path, "request")
    match = _CODE.search(text)
    failure = SqlError(int(match.group(1)) if match else 1002, "")
    failure.text = text[match.start() :] if match else f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)"
    return failure


def new_exception_tag() -> str:
    """Return the random mark by which a client tells an error after the result from data."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def tagged_exception(text: str, tag: str) -> bytes:
    """Return `text` as ClickHouse appends it to a result that has already begun."""
    message = text.encode() + b"\n"
    mark = tag.encode()
    return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (mark, message, len(message), mark)


class Encoder(Protocol):
    """Compresses a response piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what can be sent so far; may be empty."""
        ...

    def flush(self) -> bytes:
        """Return the end of the stream."""
        ...


class _PlainEncoder:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._frame.begin()

    def compress(self, data: bytes, /) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.flush())


class _BlockEncoder:
    """ClickHouse's own compressed blocks, LZ4, as `compress=1` asks for them."""

    def __init__(self) -> None:
        self._hash = _city_hash()

    def compress(self, data: bytes, /) -> bytes:
        starts = range(0, len(data), _BLOCK_BYTES)
        return b"".join(self._block(data[start : start + _BLOCK_BYTES]) for start in starts)

    def _block(self, data: bytes) -> bytes:
        packed = bytes(lz4.block.compress(data, store_size=False))
        body = struct.pack("<BII", _METHOD_LZ4, len(packed) + 9, len(data)) + packed
        checksum = self._hash(body)
        return struct.pack("<QQ", checksum >> 64, checksum & (2**64 - 1)) + body

    def flush(self) -> bytes:
        return b""


def _city_hash() -> Callable[[bytes], int]:
    """Return CityHash128 of the version ClickHouse uses, the high half being the first."""
    try:
        from clickhouse_cityhash.cityhash import CityHash128  # noqa: PLC0415  # An optional package.
    except ImportError as error:
        message = "compress=1 and decompress=1 need the clickhouse-cityhash package; use Accept-Encoding instead"
        raise SqlError(NOT_IMPLEMENTED, message) from error
    return CityHash128  # type: ignore[no-any-return, unused-ignore]


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(level=1, wbits=31),
    "deflate": lambda: zlib.compressobj(level=1, wbits=15),
}


def choose_encoding(accept_encoding: str) -> str:
    """Return the best encoding of ours that the header allows, empty for none."""
    allowed = {
        part.split(";")[0].strip().lower()
        for part in accept_encoding.split(",")
        if not re.search(r";\s*q=0(?:\.0*)?\s*$", part)
    }
    return next((name for name in _ENCODERS if name in allowed), "")


def make_encoder(encoding: str, *, in_blocks: bool) -> Encoder:
    """Return the compressor for a Content-Encoding, or for `compress=1`; raises SqlError without its package."""
    if in_blocks:
        return _BlockEncoder()
    return _ENCODERS[encoding]() if encoding else _PlainEncoder()


class Decoder(Protocol):
    """Decompresses a request body piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield bounded pieces of plain bytes; raises SqlError on data that is not of its kind."""
        ...

    def close(self) -> None:
        """Raise SqlError if the stream stopped short of its end."""
        ...


class _PlainDecoder:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def close(self) -> None:
        pass


class _StreamDecoder:
    """gzip, deflate, lz4 and zstd: any number of members or frames, one after the other."""

    def __init__(self, name: str, open_stream: Callable[[], Any]) -> None:
        self._name = name
        self._open = open_stream
        self._stream: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            self._stream = self._stream or self._open()
            yield from self._decompress(data)
            data = b""
            if self._stream.eof:
                data, self._stream = self._stream.unused_data or b"", None

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        is_zlib = hasattr(self._stream, "unconsumed_tail")
        while True:
            try:
                yield self._stream.decompress(data, _BLOCK_BYTES)
            except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
                raise SqlError(CANNOT_DECOMPRESS, f"The body is not valid {self._name}: {error}") from error
            data = self._stream.unconsumed_tail if is_zlib else b""
            if self._stream.eof or (not data if is_zlib else self._stream.needs_input):
                return

    def close(self) -> None:
        if self._stream is not None:
            raise SqlError(CANNOT_DECOMPRESS, f"The body ends before its {self._name} stream does")


class _BlockDecoder:
    """ClickHouse's own compressed blocks, as `decompress=1` announces them."""

    def __init__(self) -> None:
        self._hash = _city_hash()
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while len(self._rest) >= _BLOCK_HEAD.size:
            high, low, method, size, plain_size = _BLOCK_HEAD.unpack_from(self._rest)
            if not 9 <= size <= _MAX_BLOCK_BYTES or plain_size > _MAX_BLOCK_BYTES:
                raise SqlError(CANNOT_DECOMPRESS, "A compressed block has an impossible size")
            if len(self._rest) < 16 + size:
                return
            body = bytes(self._rest[16 : 16 + size])
            del self._rest[: 16 + size]
            if self._hash(body) != (high << 64) | low:
                raise SqlError(CANNOT_DECOMPRESS, "A compressed block does not match its checksum")
            yield _unpack_block(method, body[9:], plain_size)

    def close(self) -> None:
        if self._rest:
            raise SqlError(CANNOT_DECOMPRESS, "The body ends within a compressed block")


def _unpack_block(method: int, packed: bytes, plain_size: int) -> bytes:
    try:
        if method == _METHOD_LZ4:
            return bytes(lz4.block.decompress(packed, uncompressed_size=plain_size))
        if method == _METHOD_ZSTD:
            return bytes(zstd.ZstdDecompressor().decompress(packed, plain_size))
    except (lz4.block.LZ4BlockError, zstd.ZstdError) as error:
        raise SqlError(CANNOT_DECOMPRESS, f"A compressed block is not valid: {error}") from error
    if method == _METHOD_NONE:
        return packed
    raise SqlError(UNKNOWN_COMPRESSION, f"Unknown compression method {method:#x} of a block")


def make_decoder(content_encoding: str, *, in_blocks: bool) -> Decoder:
    """Return the decompressor for a request; raises SqlError for an encoding that is not spoken."""
    streams: dict[str, Callable[[], Any]] = {
        "lz4": lz4.frame.LZ4FrameDecompressor,
        "zstd": zstd.ZstdDecompressor,
        "gzip": lambda: zlib.decompressobj(wbits=31),
        "deflate": lambda: zlib.decompressobj(wbits=15),
    }
    if in_blocks:
        return _BlockDecoder()
    name = content_encoding.strip().lower()
    if name in {"", "identity"}:
        return _PlainDecoder()
    if name not in streams:
        raise SqlError(UNKNOWN_COMPRESSION, f"Unknown compression method: {content_encoding}")
    return _StreamDecoder(name, streams[name])
