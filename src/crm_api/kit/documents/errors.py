"""What can be wrong with the input of a document."""

from collections.abc import Mapping

from crm_api.kit.errors import Fault, Invalid


class Undrawable(Invalid):
    """Texts have characters that none of the fonts can draw."""

    def __init__(self, found: Mapping[str, list[str]]) -> None:
        faults = [
            Fault("undrawable", f"no font has {_named(characters)}", pointer=pointer)
            for pointer, characters in found.items()
        ]
        super().__init__("Some characters cannot be printed.", faults=faults)


class BadPicture(Invalid):
    """A picture is not one, or not one that is taken."""

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(
            f"The picture {message}.", faults=[Fault("bad_picture", message, pointer=pointer)]
        )


def _named(characters: list[str]) -> str:
    shown = ", ".join(f"“{one}” (U+{ord(one):04X})" for one in characters[:10])
    return shown if len(characters) <= 10 else f"{shown} and {len(characters) - 10} more"
