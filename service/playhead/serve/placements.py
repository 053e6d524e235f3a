"""Where a stream plays: a provider, and how that provider calls it, if that is known. Stored as it came in."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType


class NoRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider has no name of its own for the stream."""


class YoutubeRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A video of YouTube; empty: it is not known which."""

    video_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")] | UnsetType = (
        UNSET
    )


class BunnyRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A video of Bunny Stream, the library's number as such or as text; empty: it is not known which."""

    library_id: (
        Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]
        | Annotated[str, msgspec.Meta(max_length=16, pattern=r"\A[0-9]+\Z")]
        | UnsetType
    ) = UNSET
    video_guid: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9-]+\Z")] | UnsetType = (
        UNSET
    )

    def __post_init__(self) -> None:
        """Raise ValueError where one half of the name is missing."""
        if (self.library_id is UNSET) is not (self.video_guid is UNSET):
            raise ValueError("library_id and video_guid go together")


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

    ref: YoutubeRef = YoutubeRef()


class BunnyPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="bunny"):
    """Played in Bunny's frame."""

    ref: BunnyRef = BunnyRef()


class OtherPlacement(msgspec.Struct, frozen=True, tag_field="provider", tag="other"):
    """Played by something else."""

    ref: NoRef = NoRef()


Placement = HlsPlacement | DashPlacement | NativePlacement | YoutubePlacement | BunnyPlacement | OtherPlacement

_DECODER = msgspec.json.Decoder(list[Placement])


def decode_placements(text: str) -> list[Placement]:
    """Return the placements of a JSON array as `streams.providers` holds it."""
    return _DECODER.decode(text)
