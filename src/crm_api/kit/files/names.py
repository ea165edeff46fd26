"""The names that files are given."""

import re

_NAME = re.compile("[0-9a-f]{32}")
_FOLDER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_name(text: str) -> bool:
    """Whether a file may be called so."""
    return _NAME.fullmatch(text) is not None


def is_folder(text: str) -> bool:
    """Whether the files of an organization may lie in a folder called so."""
    return _FOLDER.fullmatch(text) is not None
