"""Settings: what the environment may say and what it becomes."""

from pathlib import Path

import pytest

from playhead.errors import SettingsError
from playhead.settings import Settings, describe_settings, load_settings


def test_nothing_set_gives_the_defaults() -> None:
    """An empty environment gives every default."""
    assert load_settings({}) == Settings()


def test_an_empty_variable_is_unset() -> None:
    """An empty variable gives the default, also where empty text would not be valid."""
    assert load_settings({"PLAYHEAD_PORT": "", "PLAYHEAD_ALLOWED_ORIGINS": ""}) == Settings()


def test_foreign_and_test_variables_are_not_settings() -> None:
    """Variables without the prefix and those of the tests are passed over."""
    assert load_settings({"PORT": "1", "PLAYHEAD_TEST_REQUIRE": "all", "PLAYHEAD_TEST_PORT": "x"}) == Settings()


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("8000", 8000), ("65535", 65535)])
def test_an_integer_within_its_bounds_is_taken(text: str, expected: int) -> None:
    """Bounds are inclusive."""
    assert load_settings({"PLAYHEAD_PORT": text}).port == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PLAYHEAD_PORT", "-1"),
        ("PLAYHEAD_PORT", "65536"),
        ("PLAYHEAD_PORT", "80.5"),
        ("PLAYHEAD_PORT", "http"),
        ("PLAYHEAD_SQL_MAX_CONNECTIONS", "0"),
        ("PLAYHEAD_INSERT_TIMEOUT_S", "0"),
        ("PLAYHEAD_INSERT_TIMEOUT_S", "30.5"),
        ("PLAYHEAD_LOG_LEVEL", "verbose"),
        ("PLAYHEAD_LOG_LEVEL", "info\n"),
        ("PLAYHEAD_FSYNC", "perhaps"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(name: str, text: str) -> None:
    """A value of the wrong type or out of bounds is an error that names its variable."""
    with pytest.raises(SettingsError, match=name):
        load_settings({name: text})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("true", True), ("True", True), ("0", False), ("false", False), ("FALSE", False)],
)
def test_a_switch_reads_words_and_digits(text: str, expected: bool) -> None:
    """A switch is told by 1, 0, true or false in any case."""
    assert load_settings({"PLAYHEAD_STRICT_STREAMS": text}).strict_streams is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.example", ("https://a.example",)),
        ("https://a.example,https://b.example", ("https://a.example", "https://b.example")),
        (" https://a.example , ,https://b.example, ", ("https://a.example", "https://b.example")),
        (",", ()),
    ],
)
def test_a_list_is_comma_separated(text: str, expected: tuple[str, ...]) -> None:
    """Spaces around members and empty members of a list count for nothing."""
    assert load_settings({"PLAYHEAD_ALLOWED_ORIGINS": text}).allowed_origins == expected


def test_an_unknown_variable_is_refused() -> None:
    """A misspelt setting is an error, not silence."""
    with pytest.raises(SettingsError, match="PLAYHEAD_PROT is not a setting"):
        load_settings({"PLAYHEAD_PROT": "8000"})


def test_all_that_is_wrong_is_told_at_once() -> None:
    """One error names every variable that has no usable value."""
    with pytest.raises(SettingsError) as caught:
        load_settings({"PLAYHEAD_PORT": "x", "PLAYHEAD_HOTS": "y", "PLAYHEAD_FSYNC": "z"})
    assert [part.split(":")[0].split(" ")[0] for part in caught.value.detail.split("; ")] == [
        "PLAYHEAD_FSYNC",
        "PLAYHEAD_HOTS",
        "PLAYHEAD_PORT",
    ]


def test_events_may_not_be_taken_longer_than_they_are_kept() -> None:
    """The age limit of events must be below the retention."""
    with pytest.raises(SettingsError, match="PLAYHEAD_MAX_EVENT_AGE_DAYS must be less than PLAYHEAD_RETENTION_DAYS"):
        load_settings({"PLAYHEAD_MAX_EVENT_AGE_DAYS": "7", "PLAYHEAD_RETENTION_DAYS": "7"})


@pytest.mark.parametrize("name", ["PLAYHEAD_REFRESH_CRON", "PLAYHEAD_AGGREGATE_CRON", "PLAYHEAD_DRIFT_CHECK_CRON"])
def test_when_jobs_run_must_be_a_cron_expression(name: str) -> None:
    """A schedule is a cron expression or the word off; anything else stops the start, by name."""
    for text in ("*/5 * * * *", "off"):
        assert getattr(load_settings({name: text}), name.removeprefix("PLAYHEAD_").lower()) == text
    with pytest.raises(SettingsError, match=f"{name}: .*61"):
        load_settings({name: "61 * * * *"})


def test_a_missing_country_database_is_told(tmp_path: Path) -> None:
    """The country database must be a file."""
    present = tmp_path / "country.mmdb"
    present.touch()
    assert load_settings({"PLAYHEAD_MMDB_PATH": str(present)}).mmdb_path == str(present)
    with pytest.raises(SettingsError, match="PLAYHEAD_MMDB_PATH"):
        load_settings({"PLAYHEAD_MMDB_PATH": str(tmp_path / "absent.mmdb")})


def test_the_list_tells_the_values_in_force_but_no_secret() -> None:
    """`playhead settings` prints values and purposes; keys and passwords are only said to be set."""
    settings = load_settings(
        {"PLAYHEAD_PORT": "80", "PLAYHEAD_ADMIN_KEY": "hush", "PLAYHEAD_CLICKHOUSE_URL": "http://u:hush@db/x"}
    )
    text = describe_settings(settings)
    assert "PLAYHEAD_PORT=80\n    Port the service listens on; 0 picks a free one. (integer, default 8000)" in text
    assert "PLAYHEAD_ADMIN_KEY=(set)\n" in text
    assert "PLAYHEAD_MMDB_PATH=\n" in text
    assert "hush" not in text


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """Its variable with _FILE behind the name gives the path; a line's end is no part of it."""
    (tmp_path / "url").write_text("http://u:p@db:8123/playhead\n")
    settings = load_settings({"PLAYHEAD_CLICKHOUSE_URL_FILE": str(tmp_path / "url")})
    assert settings.clickhouse_url == "http://u:p@db:8123/playhead"
    assert "p@db" not in describe_settings(settings)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"PLAYHEAD_ADMIN_KEY_FILE": "/no/such/file"}, "PLAYHEAD_ADMIN_KEY_FILE: /no/such/file cannot be read"),
        ({"PLAYHEAD_ADMIN_KEY_FILE": "/no/such/file", "PLAYHEAD_ADMIN_KEY": "k"}, "are both set"),
        ({"PLAYHEAD_HOST_FILE": "/etc/hostname"}, "PLAYHEAD_HOST_FILE is not a setting"),
        ({"PLAYHEAD_CLICKHOUSE_INGEST_URL": "http://db"}, "needs PLAYHEAD_CLICKHOUSE_URL"),
        ({"PLAYHEAD_CLICKHOUSE_CLUSTER": "a-b", "PLAYHEAD_CLICKHOUSE_URL": "http://db"}, "PLAYHEAD_CLICKHOUSE_CLUSTER"),
        ({"PLAYHEAD_CLICKHOUSE_CA_FILE": "/no/such/file"}, "there is no file /no/such/file"),
    ],
)
def test_what_does_not_fit_together_is_told(environment: dict[str, str], reason: str) -> None:
    """A file that is not there, two values for one setting, a user without a server."""
    with pytest.raises(SettingsError, match=reason):
        load_settings(environment)


def test_the_embedded_engine_has_one_worker() -> None:
    """Only one process may have it; a server takes any number."""
    with pytest.raises(SettingsError, match="PLAYHEAD_WORKERS above 1 needs PLAYHEAD_CLICKHOUSE_URL"):
        load_settings({"PLAYHEAD_WORKERS": "2"})
    assert load_settings({"PLAYHEAD_WORKERS": "2", "PLAYHEAD_CLICKHOUSE_URL": "http://h/d"}).workers == 2
