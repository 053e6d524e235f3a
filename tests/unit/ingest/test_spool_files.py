"""The spool's files: whatever became of them, every whole record comes back, in order, and none is made up."""

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from playhead.ingest.spool_files import (
    MAGIC,
    SET_ASIDE,
    Damage,
    Record,
    RecordKind,
    SpoolFolder,
    SpoolFullError,
    claim_folder,
    read_records,
)

MEGABYTE = 1024 * 1024

records = st.builds(
    Record,
    kind=st.sampled_from(RecordKind),
    rows=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=60) | st.just(MAGIC) | st.just(MAGIC * 8),
)


def open_folder(path: Path, max_bytes: int = MEGABYTE, segment_bytes: int = 4096) -> SpoolFolder:
    """Return a folder of small files."""
    return SpoolFolder(path, max_bytes=max_bytes, segment_bytes=segment_bytes)


def make_record(number: int, size: int = 0) -> Record:
    """Return a record that is told from others."""
    return Record(kind=RecordKind.rows, rows=1, payload=b"%06d" % number + b"x" * size)


def drain(folder: SpoolFolder) -> list[Record | Damage]:
    """Return everything in the folder, segment by segment, and remove it."""
    found: list[Record | Damage] = []
    while (segment := folder.take_oldest()) is not None:
        found += read_records(segment.read_bytes())
        folder.remove(segment)
    return found


@hypothesis.given(written=st.lists(records, max_size=6), data=st.data())
def test_a_file_cut_anywhere_gives_the_records_before_the_cut(written: list[Record], data: st.DataObject) -> None:
    """What a killed process left is a torn record at the end, or nothing."""
    encoded = [record.encode() for record in written]
    whole = b"".join(encoded)
    cut = data.draw(st.integers(0, len(whole)))
    complete = 0
    while complete < len(encoded) and len(b"".join(encoded[: complete + 1])) <= cut:
        complete += 1
    found = list(read_records(whole[:cut]))
    rest = whole[len(b"".join(encoded[:complete])) : cut]
    assert found == written[:complete] + ([Damage(data=rest, is_torn=True)] if rest else [])


@hypothesis.given(written=st.lists(records, min_size=1, max_size=6), data=st.data())
def test_a_changed_byte_costs_one_record(written: list[Record], data: st.DataObject) -> None:
    """The others come back, and the bytes of the damaged one are there for whoever looks."""
    whole = bytearray(b"".join(record.encode() for record in written))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = list(read_records(bytes(whole)))
    intact = [record for record in found if isinstance(record, Record)]
    lost = len(written) - len(intact)
    assert lost == 1
    end, number = 0, 0
    while end <= at:
        end += len(written[number].encode())
        number += 1
    assert intact == written[: number - 1] + written[number:]
    assert any(isinstance(damage, Damage) for damage in found)


@hypothesis.given(st.binary(max_size=300))
def test_noise_holds_no_record(data: bytes) -> None:
    """And no byte of it is passed over."""
    assert b"".join(found.data for found in read_records(data) if isinstance(found, Damage)) == data


def test_records_come_back_in_order_over_many_files(tmp_path: Path) -> None:
    """By whoever opens the folder next."""
    folder = open_folder(tmp_path)
    written = [make_record(number, size=1000) for number in range(20)]
    for at in range(0, 20, 2):
        folder.append(written[at : at + 2])
    assert folder.segments > 2
    folder.close()
    folder = open_folder(tmp_path)
    assert drain(folder) == written
    assert (folder.size_bytes, folder.segments, folder.oldest_at) == (0, 0, None)


def test_a_segment_that_is_being_read_is_not_written_to(tmp_path: Path) -> None:
    """New records go behind it, into a file of their own."""
    folder = open_folder(tmp_path)
    folder.append([make_record(1)])
    first = folder.take_oldest()
    assert first is not None
    folder.append([make_record(2)])
    assert list(read_records(first.read_bytes())) == [make_record(1)]
    folder.remove(first)
    assert drain(folder) == [make_record(2)]


def test_a_full_folder_takes_nothing(tmp_path: Path) -> None:
    """All or none of a write is kept, and there is room again once something left."""
    folder = open_folder(tmp_path, max_bytes=100)
    folder.append([make_record(1)])
    with pytest.raises(SpoolFullError):
        folder.append([make_record(2), make_record(3, size=40)])
    assert drain(folder) == [make_record(1)]
    folder.append([make_record(4)])
    assert drain(folder) == [make_record(4)]


def test_what_a_failed_write_left_hurts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut off, and the next records stand where it stood."""
    folder = open_folder(tmp_path)
    folder.append([make_record(1)])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            folder.append([make_record(2)])
    folder.append([make_record(3)])
    assert [make_record(1), make_record(3)] == [found for found in drain(folder) if found != make_record(2)]


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    """Others take the next one; what a dead one left is found by the next to come."""
    first = claim_folder(tmp_path, max_bytes=MEGABYTE, segment_bytes=4096)
    second = claim_folder(tmp_path, max_bytes=MEGABYTE, segment_bytes=4096)
    assert (first.path.name, second.path.name) == ("0", "1")
    first.append([make_record(1)])
    first.close()
    third = claim_folder(tmp_path, max_bytes=MEGABYTE, segment_bytes=4096)
    assert third.path.name == "0"
    assert drain(third) == [make_record(1)]


def test_bytes_set_aside_are_kept(tmp_path: Path) -> None:
    """In files of their own, named after what is wrong."""
    folder = open_folder(tmp_path)
    folder.set_aside(b"broken", "damaged")
    [file] = (tmp_path / SET_ASIDE).iterdir()
    assert (file.suffix, file.read_bytes()) == (".damaged", b"broken")


APPEND_FOR_EVER = """
import sys
from pathlib import Path
from playhead.ingest.spool_files import Record, RecordKind, SpoolFolder
folder = SpoolFolder(Path(sys.argv[1]), max_bytes=2**30, segment_bytes=20_000)
number = 0
while True:
    payloads = [b"%06d" % n + b"x" * 500 for n in (number, number + 1)]
    folder.append([Record(kind=RecordKind.rows, rows=1, payload=payload) for payload in payloads])
    number += 2
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 60])
def test_what_a_killed_process_was_told_is_safe(tmp_path: Path, after: int) -> None:
    """All of it comes back once, in order; at most what was under way comes besides."""
    command = [sys.executable, "-c", APPEND_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
        told = int((process.stdout.readlines() or [b"%d" % (2 * after)])[-1])
    found = [record for record in drain(open_folder(tmp_path)) if isinstance(record, Record)]
    assert [int(record.payload[:6]) for record in found] == list(range(len(found)))
    assert told <= len(found) <= told + 2


def test_a_full_disk_does_not_fill_with_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it refuses, the records before and after stand in one file, and nothing between them."""
    folder = open_folder(tmp_path)
    folder.append([make_record(1)])

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fail)
        for number in range(100):
            with pytest.raises(OSError, match="No space left"):
                folder.append([make_record(number)])
    folder.append([make_record(2)])
    assert (folder.segments, folder.size_bytes) == (1, 2 * len(make_record(1).encode()))
    assert drain(folder) == [make_record(1), make_record(2)]
