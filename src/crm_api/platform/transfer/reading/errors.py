"""The one error of a file that cannot be read at all."""

from typing import Literal

FileMistake = Literal[
    "corrupt_xlsx",
    "empty_file",
    "encoding_mismatch",
    "encrypted_file",
    "file_too_large",
    "invalid_column",
    "no_rows",
    "not_a_table",
    "too_many_columns",
    "unsupported_format",
    "zip_bomb",
]


class UnreadableFile(ValueError):
    """The whole file is refused; `code` is stable, `message` is for the person who sent it."""

    def __init__(self, code: FileMistake, message: str) -> None:
        super().__init__(message)
        self.code: FileMistake = code
        self.message = message
