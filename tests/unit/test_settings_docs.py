"""docs/settings.md: the same list as the settings themselves."""

from tests.settings_table import documented_table, settings_table


def test_every_setting_is_documented_as_it_is() -> None:
    """The page lists exactly the settings, each with its variable, kind, default and purpose (`make settings-docs`)."""
    assert documented_table() == settings_table()
