"""Halves of characters in JSON: what is left where a page cut a text in the middle of an emoji."""

import re

# An escape begins with a backslash that no other one escapes: an odd one of several in a row.
_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*+)\\u"
    rb"(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|([dD][89a-fA-F][0-9a-fA-F]{2}))"
)


def replace_lone_surrogates(body: bytes) -> bytes:
    r"""Return JSON with U+FFFD in place of every escape of half a character, such as \\ud83d by itself.

    RFC 8259 lets texts have them, and browsers write them; UTF-8 cannot.
    """
    return _SURROGATE.sub(lambda found: found[1] + rb"\ufffd" if found[2] else found[0], body)
