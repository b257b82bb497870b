"""What may be shown, logged or sent to MLflow: no password, no home folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HIDDEN: Final = "***"
_USER_INFO: Final = re.compile(r"://[^\s/]*@")
# A password with a slash that nobody escaped; a port and a later @ look the same, and are hidden too.
_LOOSE_USER_INFO: Final = re.compile(r"://[^\s/@:]+:[^\s@]*@")
_WORDS: Final = r"pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|access_?key|credentials?"
_QUERY: Final = re.compile(rf"((?:^|[?&;\s])[\w.-]*(?:{_WORDS})=)[^&;\s]+", re.IGNORECASE)
_KEY: Final = re.compile(rf"(?:^|[_.-])(?:ssl)?(?:{_WORDS})$", re.IGNORECASE)


def mask(text: str) -> str:
    """Hide the credentials of every address in `text`.

    Examples
    --------
    >>> mask("postgresql://ann:s3cret@db/crm?sslpassword=x")
    'postgresql://***@db/crm?sslpassword=***'
    """
    text = _USER_INFO.sub(f"://{HIDDEN}@", text)
    text = _LOOSE_USER_INFO.sub(f"://{HIDDEN}@", text)
    return _QUERY.sub(rf"\g<1>{HIDDEN}", text)


def masked(value: Any, key: str = "") -> Any:
    """Return `value` as plain dicts, lists and scalars, with secrets hidden at any depth.

    Credentials go, as do values under a secret's name; the home folder, which names a person, becomes `~`.

    Examples
    --------
    >>> masked({"password": "x", "paths": ("a", None), "n": 1})
    {'password': '***', 'paths': ['a', None], 'n': 1}
    """
    if isinstance(value, Mapping):
        return {str(k): masked(v, str(k)) for k, v in value.items()}
    if isinstance(value, str | Path):
        return HIDDEN if _KEY.search(key) else _homeless(mask(str(value)))
    if isinstance(value, Sequence):
        return [masked(v, key) for v in value]
    return value if value is None or isinstance(value, bool | int | float) else _homeless(mask(str(value)))


def _homeless(text: str) -> str:
    home = str(Path.home())
    return text if home == "/" else re.sub(rf"(?<![\w.-]){re.escape(home)}(?=/|$)", "~", text)
