"""The one error of this package, and a safe way to show a value inside its message."""

_SHOWN = 60


class BadValue(ValueError):
    """A typed value cannot be understood; `code` is stable, `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


def shown(raw: str) -> str:
    """The value in quotes, cut short, with unprintable characters masked."""
    printable = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in raw[:_SHOWN]
    )
    return f"“{printable}…”" if len(raw) > _SHOWN else f"“{printable}”"
