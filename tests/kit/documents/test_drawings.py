"""Drawings whose texts are set by the engine of documents."""

import struct

import pytest

from crm_api.kit.documents.drawings import png_of
from support.scripts import SCRIPTS

BOX = "□"


def drawing(text, **attributes):
    given = {"text_anchor": "start", "transform": "translate(10,20)", "opacity": "1", **attributes}
    written = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in given.items())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="100" height="40" viewBox="0 0 100 40">'
        '<g transform="translate(5,5)"><rect width="4" height="4" fill="#4c78a8"/>'
        f'<text {written} font-family="Inter" font-size="10px" fill="#000">{text}</text></g></svg>'
    )


def size_of(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">LL", png[16:24])


@pytest.mark.parametrize("text", [text for text, _ in SCRIPTS.values()], ids=SCRIPTS)
def test_texts_of_any_script_are_drawn(text):
    word = max(text.split(), key=len)
    assert png_of(drawing(word)) not in {png_of(drawing(BOX * n)) for n in range(len(word) + 1)}


def test_a_box_is_drawn_for_what_no_font_has():
    assert png_of(drawing("𓀀")) == png_of(drawing(BOX)) != png_of(drawing(""))


def test_what_is_hidden_is_not_drawn():
    assert png_of(drawing("Hidden", opacity="0")) == png_of(drawing(""))
    assert png_of(drawing("Seen")) != png_of(drawing(""))


def test_it_is_as_large_as_the_drawing_or_as_its_texts_need():
    assert size_of(png_of(drawing("a &lt; b &amp; c"))) == (100, 40)
    assert size_of(png_of(drawing("a"), scale=2)) == (200, 80)
    for anchor in ("start", "middle", "end"):
        width, height = size_of(png_of(drawing("श्रीमती " * 9, text_anchor=anchor)))
        assert width > 120
        assert height == 40


def test_texts_are_turned_and_grown_as_they_say():
    plain = png_of(drawing("Turn"))
    turned = png_of(drawing("Turn", transform="translate(10,20) rotate(-90)"))
    back = "translate(20,10) rotate(-90) translate(-10,-10) rotate(90)"
    assert turned != plain == png_of(drawing("Turn", transform=back))
    grown = png_of(drawing("Turn", transform="translate(10,20) scale(2)"))
    assert grown == png_of(drawing("Turn").replace("10px", "20px"))
