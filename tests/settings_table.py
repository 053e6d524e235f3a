"""The table of docs/settings.md, made of the settings themselves; `make settings-docs` writes it."""

from pathlib import Path

from playhead.settings import setting_descriptions

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN = "| variable | kind | default | what it is |\n|---|---|---|---|\n"


def settings_table() -> str:
    """Return one row a setting, in Markdown, with its heading."""
    return BEGIN + "".join(
        f"| `{known.variable}` | {known.kind} | {_as_code(known.default)} | {known.description} |\n"
        for known in setting_descriptions()
    )


def _as_code(text: str) -> str:
    return f"`{text}`" if text else ""


def documented_table() -> str:
    """Return the table as the page has it."""
    text = PAGE.read_text(encoding="utf-8")
    rows = text.partition(BEGIN)[2].partition("\n\n")[0]
    return BEGIN + rows.rstrip("\n") + "\n"


def write_table() -> None:
    """Put the table into the page in place of the one there."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(documented_table(), settings_table()), encoding="utf-8")


if __name__ == "__main__":
    write_table()
