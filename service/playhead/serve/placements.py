"""Where a stream plays: a provider, and how that provider calls it. Stored as the JSON that came in."""

from typing import Annotated
from uuid import UUID

import msgspec


class NoRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider has no name of its own for the stream."""


class YoutubeRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A video of YouTube."""

    video_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]


class BunnyRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A video of Bunny Stream; the library's number as such or as text."""

    library_id: (
        Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
        | Annotated[str, msgspec.Meta(max_length=16, pattern=r"\A[0-9]+\Z")]
    )
    video_guid: UUID


class HlsPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="hls"):
    """Played from HLS."""

    ref: NoRef = NoRef()


class DashPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="dash"):
    """Played from DASH."""

    ref: NoRef = NoRef()


class NativePlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="native"):
    """Played by the browser or device itself."""

    ref: NoRef = NoRef()


class YoutubePlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="youtube"):
    """Played in YouTube's frame."""

    ref: YoutubeRef


class BunnyPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="bunny"):
    """Played in Bunny's frame."""

    ref: BunnyRef


class OtherPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="other"):
    """Played by something else."""

    ref: NoRef = NoRef()


Placement = HlsPlacement | DashPlacement | NativePlacement | YoutubePlacement | BunnyPlacement | OtherPlacement

_DECODER = msgspec.json.Decoder(list[Placement])


def decode_placements(text: str) -> list[Placement]:
    """Return the placements of a JSON array as `streams.providers` holds it."""
    return _DECODER.decode(text)
