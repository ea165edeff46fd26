"""Codes of products and variants, in the forms in which they are looked up."""

from unicodedata import normalize

_GTIN = frozenset({8, 12, 13, 14})


def as_written(value: str, country: str | None = None) -> str:
    """A code that is looked up as it is written."""
    del country
    return value


def sku_key(value: str, country: str | None = None) -> str:
    """The form in which a sku is looked up: without case, width and blanks."""
    del country
    return "".join(normalize("NFKC", value).casefold().split())


def barcode_key(value: str, country: str | None = None) -> str:
    """The form in which a barcode is looked up: a GTIN of any length has 14 digits."""
    code = sku_key(value, country).replace("-", "")
    return code.zfill(14) if code.isdecimal() and len(code) in _GTIN else code
