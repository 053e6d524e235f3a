"""Every setting: an environment variable `PLAYHEAD_<NAME>`, typed, bounded and described.

`playhead settings` lists them; docs/settings.md is the same list and a test keeps it so.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec

from playhead.cron import OFF, parse_cron
from playhead.errors import SettingsError

ENV_PREFIX = "PLAYHEAD_"
TEST_PREFIX = "PLAYHEAD_TEST_"
"""Variables that steer the tests alone; the service passes them over."""
_KINDS = {int: "integer", float: "number", bool: "switch", tuple: "list", str: "text"}


def _meta(description: str, **bounds: Any) -> msgspec.Meta:
    return msgspec.Meta(description=description, **bounds)


def _secret(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description, extra={"is_secret": True})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings with their defaults; in the environment, lists are comma-separated, switches 1 or 0."""

    # Where it runs
    host: Annotated[str, _meta("Address the service listens on.")] = "127.0.0.1"
    port: Annotated[int, _meta("Port the service listens on; 0 picks a free one.", ge=0, le=65535)] = 8000
    workers: Annotated[
        int, _meta("Processes that take requests on the port; more than 1 needs a ClickHouse server.", ge=1, le=64)
    ] = 1
    data_dir: Annotated[str, _meta("Folder of the embedded engine and of its password file.")] = "./data"
    clickhouse_url: Annotated[
        str, _secret("http[s]://user:password@host:port/database; empty: the embedded engine on the data folder.")
    ] = ""
    clickhouse_ingest_url: Annotated[
        str, _secret("The same for a user that only takes events in; empty: PLAYHEAD_CLICKHOUSE_URL.")
    ] = ""
    clickhouse_dbt_url: Annotated[
        str, _secret("The same for a user that only builds marts; empty: PLAYHEAD_CLICKHOUSE_URL.")
    ] = ""
    clickhouse_cluster: Annotated[
        str,
        _meta("Name of the cluster in system.clusters; empty: one server.", pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z|\A\Z"),
    ] = ""
    clickhouse_ca_file: Annotated[
        str, _meta("Certificates (PEM) that a server's may be signed by; empty: those the system trusts.")
    ] = ""
    clickhouse_verify: Annotated[bool, _meta("Refuse a server whose certificate is not valid; off only for tests.")] = (
        True
    )
    clickhouse_cert_file: Annotated[
        str, _meta("Certificate (PEM) that the service shows to the server; empty: none.")
    ] = ""
    clickhouse_key_file: Annotated[str, _meta("The key (PEM) of that certificate.")] = ""
    min_free_disk_bytes: Annotated[
        int,
        _meta(
            "The embedded engine writes nothing with less room on its disk, since it does not notice a full one.", ge=0
        ),
    ] = 256 * 1024**2
    clickhouse_compression: Annotated[
        str,
        _meta(
            "How inserts and answers are packed: none, lz4 or zstd; for a server elsewhere.",
            pattern=r"\A(none|lz4|zstd)\Z",
        ),
    ] = "none"
    sql_port: Annotated[
        int,
        _meta("Port of the ClickHouse HTTP interface over the embedded engine, on 127.0.0.1; 0: off.", ge=0, le=65535),
    ] = 8124
    sql_max_connections: Annotated[int, _meta("Connections the SQL port serves at once.", ge=1, le=1000)] = 32
    shutdown_timeout_s: Annotated[
        int,
        _meta(
            "How long requests and statements under way may go on after SIGTERM; what was taken is stored after it.",
            ge=1,
            le=300,
        ),
    ] = 10
    log_level: Annotated[str, _meta("debug, info, warning or error.", pattern=r"\A(debug|info|warning|error)\Z")] = (
        "info"
    )

    # Who may ask
    admin_key: Annotated[str, _secret("The first admin key; empty: one is made on first start and printed once.")] = ""

    # What is taken in
    allowed_origins: Annotated[tuple[str, ...], _meta("Origins that may send events from a browser; * allows all.")] = (
        "*",
    )
    strict_streams: Annotated[bool, _meta("Take events of registered streams only.")] = False
    max_event_age_days: Annotated[int, _meta("Events older than this are refused as too_old.", ge=1, le=45)] = 7
    session_timeout_s: Annotated[
        int, _meta("How far a batch without session_id may lie from a session to belong to it.", ge=1, le=86_400)
    ] = 1800
    honor_gpc: Annotated[bool, _meta("Replace the client id by the session id on DNT: 1 or Sec-GPC: 1.")] = True
    max_body_bytes: Annotated[int, _meta("Largest request body as sent.", ge=1024)] = 256 * 1024
    max_decompressed_bytes: Annotated[int, _meta("Largest request body after gzip.", ge=1024)] = 1024 * 1024
    receive_timeout_s: Annotated[
        float, _meta("A request whose body has not come by then is closed.", gt=0, le=3600)
    ] = 10.0
    max_header_bytes: Annotated[int, _meta("Largest head of a request, URL included.", ge=1024)] = 32 * 1024
    max_connections: Annotated[int, _meta("Open connections; one more is closed at once.", ge=10)] = 10_000
    keep_alive_s: Annotated[int, _meta("How long a connection without a request stays open.", ge=1, le=3600)] = 30
    network_requests_per_s: Annotated[
        int,
        _meta("Ingest requests a second from one network (IPv4 /24, IPv6 /48); ten times that at once; 0: any.", ge=0),
    ] = 3000
    stream_events_per_s: Annotated[
        int, _meta("Events a second for one stream; ten times that at once; 0: any.", ge=0)
    ] = 100_000
    limit_keys: Annotated[int, _meta("Networks, and streams, whose rate is known at once.", ge=1000)] = 100_000
    failed_keys_per_minute: Annotated[
        int, _meta("Wrong admin keys from one network, loopback apart; then it waits with keys not seen before.", ge=1)
    ] = 20
    trusted_proxies: Annotated[
        tuple[str, ...], _meta("Networks whose X-Forwarded-For and country headers are believed, as CIDR.")
    ] = ()
    country_headers: Annotated[tuple[str, ...], _meta("Headers of trusted proxies that carry a country code.")] = (
        "cf-ipcountry",
        "cloudfront-viewer-country",
        "x-country-code",
    )
    mmdb_path: Annotated[str, _meta("A MaxMind country or city database; empty: the bundled table.")] = ""

    # How it is written
    flush_interval_ms: Annotated[int, _meta("How long rows wait for company before an insert.", ge=1, le=5000)] = 100
    flush_rows: Annotated[int, _meta("Rows that start an insert at once.", ge=1)] = 20_000
    flush_requests: Annotated[int, _meta("Requests that start an insert at once.", ge=1)] = 400
    flush_parallel: Annotated[int, _meta("Inserts under way at once.", ge=1, le=32)] = 2
    merge_nice: Annotated[
        int, _meta("By how much the embedded engine's merges give way to all else: Linux niceness.", ge=0, le=19)
    ] = 10
    buffer_rows: Annotated[int, _meta("Rows that may wait; more is answered 503.", ge=1)] = 200_000
    buffer_bytes: Annotated[int, _meta("Bytes that may wait; more is answered 503.", ge=1024)] = 128 * 1024 * 1024
    insert_timeout_s: Annotated[float, _meta("An insert that takes longer counts as failed.", gt=0, le=30)] = 10.0
    insert_attempts: Annotated[int, _meta("Tries of an insert that may work later, before 503.", ge=1, le=10)] = 3
    dead_letters_per_minute: Annotated[
        int, _meta("Refused events kept a minute and reason; the rest is counted.", ge=0)
    ] = 1000
    dead_letters_per_day: Annotated[
        int, _meta("Refused events kept a day, of any reason; the rest is counted.", ge=0)
    ] = 100_000
    spool: Annotated[bool, _meta("Keep events on disk while the database takes none; off: answer 503.")] = True
    spool_dir: Annotated[str, _meta("Folder of the spool; empty: spool in the data folder.")] = ""
    spool_max_bytes: Annotated[int, _meta("Bytes the spool takes at most; beyond, 503.", ge=1024 * 1024)] = 2 * 1024**3
    spool_segment_bytes: Annotated[
        int, _meta("Bytes of one file of the spool; a process that is killed stores one again.", ge=1024)
    ] = 16 * 1024 * 1024
    spool_replay_rows_per_s: Annotated[
        int, _meta("Rows a second that leave the spool, so that the database has time for what is new.", ge=1)
    ] = 50_000
    fsync: Annotated[bool, _meta("Make 2xx survive power loss too: fsync every insert.")] = False

    # How it is answered
    mart_cache_bytes: Annotated[
        int, _meta("Memory in which the embedded engine keeps what it has unpacked of marts; 0: none.", ge=0)
    ] = 128 * 1024 * 1024
    query_threads: Annotated[int, _meta("Queries under way at once.", ge=1, le=64)] = 4
    query_timeout_s: Annotated[float, _meta("A query that takes longer is given up.", gt=0, le=3600)] = 30.0
    query_attempts: Annotated[
        int, _meta("Times a question is asked whose answer got lost, before 503.", ge=1, le=10)
    ] = 3
    query_max_memory_bytes: Annotated[int, _meta("Memory one query may take.", ge=1024 * 1024)] = 4 * 1024**3
    refresh_interval_s: Annotated[
        float, _meta("Pause between two refreshes of the sessions, at least.", gt=0, le=60)
    ] = 2.0
    fresh_within_s: Annotated[
        float,
        _meta("As long as that is kept, the pause grows to twice what a refresh takes; 0: it does not.", ge=0, le=60),
    ] = 7.0
    refold_rows: Annotated[int, _meta("Inserted rows one step of a refresh takes on at most.", ge=1000)] = 1_000_000
    max_session_events: Annotated[
        int, _meta("Events of a session that count; a longer one is marked truncated.", ge=100)
    ] = 20_000
    retention_days: Annotated[int, _meta("Days events and sessions are kept.", ge=1)] = 400

    # What is done by the clock
    scheduler: Annotated[bool, _meta("Run the jobs by their cron expressions, in UTC.")] = True
    refresh_cron: Annotated[str, _meta("When to run the job refresh; off: only when asked.")] = OFF
    aggregate_cron: Annotated[str, _meta("When to run the job aggregate; off: only when asked.")] = "*/15 * * * *"
    drift_check_cron: Annotated[str, _meta("When to run the job drift-check; off: only when asked.")] = "17 3 * * *"
    drift_check_days: Annotated[
        int, _meta("Closed days a drift check looks at, the newest and others by chance; 0: all.", ge=0, le=65_535)
    ] = 7
    job_lease_s: Annotated[
        float, _meta("A run that gave no sign of life for so long is dead, and another may start.", ge=10, le=3600)
    ] = 60.0
    job_timeout_s: Annotated[float, _meta("A job that takes longer is given up.", gt=0, le=86_400)] = 3600.0

    def problems(self) -> Iterator[str]:
        """Yield what is wrong across settings that are fine one by one."""
        if self.max_event_age_days >= self.retention_days:
            yield "PLAYHEAD_MAX_EVENT_AGE_DAYS must be less than PLAYHEAD_RETENTION_DAYS"
        for name in ("mmdb_path", "clickhouse_ca_file", "clickhouse_cert_file", "clickhouse_key_file"):
            if (path := getattr(self, name)) and not Path(path).is_file():
                yield f"{variable_of(name)}: there is no file {path}"
        for name in ("clickhouse_ingest_url", "clickhouse_dbt_url", "clickhouse_cluster"):
            if getattr(self, name) and not self.clickhouse_url:
                yield f"{variable_of(name)} needs PLAYHEAD_CLICKHOUSE_URL"
        if self.workers > 1 and not self.clickhouse_url:
            yield "PLAYHEAD_WORKERS above 1 needs PLAYHEAD_CLICKHOUSE_URL: the embedded engine belongs to one process"
        for name in ("refresh_cron", "aggregate_cron", "drift_check_cron"):
            try:
                parse_cron(getattr(self, name))
            except ValueError as error:
                yield f"{variable_of(name)}: {error}"


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from `environment`; an empty variable counts as unset.

    A secret's variable with _FILE behind its name gives the path of a file that holds it. Raises SettingsError naming
    each variable that has no usable value or is not a setting.
    """
    hints = get_type_hints(Settings, include_extras=True)
    given = {
        name.removeprefix(ENV_PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(ENV_PREFIX) and not name.startswith(TEST_PREFIX) and text
    }
    values = {}
    errors = list(_take_secrets_from_files(given, hints))
    errors += [f"{variable_of(name)} is not a setting" for name in given if name not in hints]
    for name in given.keys() & hints.keys():
        try:
            values[name] = _convert(given[name], hints[name])
        except msgspec.ValidationError as error:
            errors.append(f"{variable_of(name)}: {error}")
    if errors:
        raise SettingsError("; ".join(sorted(errors)))
    settings = Settings(**values)
    if errors := list(settings.problems()):
        raise SettingsError("; ".join(errors))
    return settings


def _take_secrets_from_files(given: dict[str, str], hints: Mapping[str, Any]) -> Iterator[str]:
    """Replace each `<secret>_file` in `given` by the secret that the file holds; yield what is wrong."""
    for name in [name for name, hint in hints.items() if _is_secret(hint) and f"{name}_file" in given]:
        path = given.pop(f"{name}_file")
        if name in given:
            yield f"{variable_of(name)} and {variable_of(name)}_FILE are both set"
        try:
            given[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            yield f"{variable_of(name)}_FILE: {path} cannot be read: {type(error).__name__}"


class SettingDescription(msgspec.Struct, frozen=True):
    """One setting for a reader: `kind` is integer, number, switch, list or text; the default as one would set it."""

    variable: str
    kind: str
    default: str
    description: str


def setting_descriptions() -> list[SettingDescription]:
    """Return every setting, in the order of the fields."""
    return [
        SettingDescription(
            variable_of(name), _KINDS[_plain_type(hint)], _as_text(default), _meta_of(hint).description or ""
        )
        for name, hint, default in _fields()
    ]


def describe_settings(settings: Settings) -> str:
    """Return every setting with its value in force and what it is for, as text; secrets are not told."""
    lines = []
    for (name, hint, _), known in zip(_fields(), setting_descriptions(), strict=True):
        value = _as_text(getattr(settings, name))
        is_hidden = value and _is_secret(hint)
        lines.append(f"{known.variable}={'(set)' if is_hidden else value}")
        lines.append(f"    {known.description} ({known.kind}, default {known.default or 'empty'})")
    return "\n".join(lines)


def variable_of(name: str) -> str:
    """Return the environment variable that sets the field `name`."""
    return ENV_PREFIX + name.upper()


def _fields() -> list[tuple[str, Any, object]]:
    hints = get_type_hints(Settings, include_extras=True)
    return [(field.name, hints[field.name], field.default) for field in msgspec.structs.fields(Settings)]


def secrets_of(settings: Settings) -> frozenset[str]:
    """Return every text that must not be told: secrets, and of URLs the password as it is and as it is written."""
    secrets = {getattr(settings, name) for name, hint, _ in _fields() if _is_secret(hint)}
    passwords = {urlsplit(secret).password or "" for secret in secrets if "://" in secret}
    return frozenset((secrets | passwords | {unquote(password) for password in passwords}) - {""})


def _is_secret(hint: Any) -> bool:
    return bool((_meta_of(hint).extra or {}).get("is_secret"))


def _meta_of(hint: Any) -> msgspec.Meta:
    meta: msgspec.Meta = get_args(hint)[1]
    return meta


def _plain_type(hint: Any) -> Any:
    return get_origin(get_args(hint)[0]) or get_args(hint)[0]


def _convert(text: str, hint: Any) -> Any:
    is_list = _plain_type(hint) is tuple
    value = [part.strip() for part in text.split(",") if part.strip()] if is_list else text
    return msgspec.convert(value, hint, strict=False)


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value)) if isinstance(value, bool) else str(value)
