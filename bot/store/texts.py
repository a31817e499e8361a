"""Texts as every database can hold them."""

import re
from typing import Any

_UNFIT = re.compile("[\x00\ud800-\udfff]")


def fit(value: Any) -> Any:
    """Return a JSON value with U+FFFD for each character that no PostgreSQL text can hold: NUL, and half a surrogate
    pair.

    Every text keeps its length in UTF-16 units, in which Telegram's entities count.
    """
    match value:
        case str():
            return _UNFIT.sub("\ufffd", value)
        case dict():
            return {key: fit(one) for key, one in value.items()}
        case list():
            return [fit(one) for one in value]
        case _:  # numbers, instants, nothing
            return value
