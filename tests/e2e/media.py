"""What the pages play and with what: a stream that ffmpeg makes, and the players of package-lock.json."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.requirements import need
from tests.servers.cache import keep

HERE = Path(__file__).parent
PLAYER_FILES = ("package.json", "package-lock.json")
STREAM_DURATION_S = 40
SEGMENT_S = 4
FRAME_RATE = 25
MAKE_STREAM = (
    "-f lavfi -i testsrc2=size=640x360:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 "
    f"-t {STREAM_DURATION_S} -filter_complex [0:v]split=2[high][v];[v]scale=320:180[low] "
    "-map [high] -map 1:a -map [low] -map 1:a "
    "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -b:v:0 800k -b:v:1 250k "
    f"-g {SEGMENT_S * FRAME_RATE} -keyint_min {SEGMENT_S * FRAME_RATE} -sc_threshold 0 -c:a aac -b:a 64k "
    f"-f hls -hls_time {SEGMENT_S} -hls_playlist_type vod -hls_segment_filename %v/%03d.ts "
    "-master_pl_name master.m3u8 -var_stream_map"
)
RENDITIONS = "v:0,a:0,name:high v:1,a:1,name:low"


def need_stream() -> Path:
    """Return the folder of a 40 s HLS stream with two renditions and sound; its playlist is master.m3u8."""
    ffmpeg = shutil.which("ffmpeg")
    need(ffmpeg, "ffmpeg")

    def make(folder: Path) -> None:
        command = [str(ffmpeg), "-v", "error", *MAKE_STREAM.split(), RENDITIONS, "%v/index.m3u8"]
        subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)

    return keep(f"hls-{_short_hash((MAKE_STREAM + RENDITIONS).encode())}", make)


def need_players() -> Path:
    """Return the node_modules folder with the players that package-lock.json names, unmodified."""
    npm = shutil.which("npm")
    need(npm, "npm, for the players")

    def make(folder: Path) -> None:
        for name in PLAYER_FILES:
            shutil.copy(HERE / name, folder)
        subprocess.run([str(npm), "ci"], cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    locked = b"".join((HERE / name).read_bytes() for name in PLAYER_FILES)
    return keep(f"players-{_short_hash(locked)}", make) / "node_modules"


def need_chromium() -> str:
    """Return the path of Debian's chromium."""
    chromium = shutil.which("chromium")
    need(chromium, "chromium")
    return str(chromium)


def _short_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
