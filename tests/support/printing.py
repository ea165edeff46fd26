"""What is in documents."""

import io

from pypdf import PdfReader


def fonts_of(content):
    """The names of the fonts that are embedded, in one text."""
    pages = PdfReader(io.BytesIO(content)).pages
    found = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    for one in found:
        (descendant,) = one["/DescendantFonts"]
        described = descendant.get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(described)
    return " ".join(sorted(one["/BaseFont"] for one in found))
