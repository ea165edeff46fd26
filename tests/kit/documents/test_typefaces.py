"""Which characters can be printed: what the fonts are read for, and what the engine then does."""

import struct
from datetime import date

import pytest

from crm_api.kit.documents import typefaces
from crm_api.kit.documents.engine import Template, render_now
from crm_api.kit.documents.errors import Undrawable
from crm_api.kit.documents.typefaces import (
    OWN,
    drawable,
    families,
    folders,
    fonts,
    need_drawable,
    undrawable,
)
from support.printing import fonts_of
from support.scripts import SCRIPTS

SHOW = (
    "#let d = json(bytes(sys.inputs.data))\n"
    "#set text(font: json(bytes(sys.inputs.fonts)), fallback: false)\n"
    "#for one in d.texts [#one \\ ]"
)
DAY = date(2026, 1, 1)

DRAWN = {
    "latin": "The quick brown fox, ÄÖÜäöüßẞ, Őő, Șț, Łódź, Đặng, İı, Þð, Ŵŷ",
    "cyrillic": "Съешь ещё этих мягких французских булок, Їжак, Ўзбек, Қазақ, Ђорђе, Ґанок",
    "greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, ἀγάπη, ᾧ",
    "chinese": "中文报价单，繁體中文報價單，骨直誤鷗龘",
    "japanese": "お見積り、テスト、〒100-0000、株式会社、㈱、①",
    "korean": "견적서, 똠방각하, 한글",
    "signs": "€ £ ¥ ₽ ₴ ₸ ₺ ₹ ₩ № § © ® ™ ° ± × ÷ − ≤ ≥ ≈ ½ ¼ ² ³ µ … – — „“ «» → ← ✓ • ‰",
    "spaces": "a\u00a0b\u202fc\u2009d\u200be\u00adf\tg\nh",
}


# Marks on letters of another font, and what cannot be seen where it means nothing.
ODD = (
    "aा b⃣ ب̂ א̆ a゙ क‍́ ก́ क॑ क\u064b ❤́",
    "x\u061cy x\u034fy x\u202ey x\u2066y x\U000e0067y",
    "葛\U000e0101城 x\ufe0f \U0001f3fb \U0001f1e9 a\u200d🚀",
)


@pytest.mark.parametrize("text", DRAWN.values(), ids=DRAWN)
def test_no_glyph_is_missing(text):
    assert undrawable(text) == []


def test_what_is_missing_is_named_with_its_place():
    assert undrawable("a 𓀀 ᎠA 𓀀") == ["𓀀", "Ꭰ"]
    with pytest.raises(Undrawable) as refused:
        need_drawable({"lines": [{"name": "fine"}, {"name": "no 𓀀"}], "n": 1, "x": None})
    assert [(f.pointer, f.message) for f in refused.value.faults] == [
        ("/lines/1/name", "no font has “𓀀” (U+13000)")
    ]
    with pytest.raises(Undrawable, match=r".") as refused:
        need_drawable(["".join(map(chr, range(0x13000, 0x13010)))])
    assert refused.value.faults[0].message.endswith("and 6 more")


@pytest.mark.parametrize(("text", "font"), SCRIPTS.values(), ids=SCRIPTS)
def test_names_in_any_script_are_printed_with_a_font_that_has_them(package, text, font):
    assert undrawable(text) == []
    made = render_now(Template(package(show=SHOW), "show"), {"texts": [text]}, dated=DAY)
    assert font in fonts_of(made.content)


def test_the_engine_has_these_fonts_and_no_others():
    assert set(fonts().families()) == set(families())
    # What could be printed before is printed as it was: others are asked for what these lack.
    assert families()[:2] == ("Inter", "Noto Sans CJK SC")
    assert (OWN / "OFL.txt").read_text().count("SIL OPEN FONT LICENSE")


def test_what_is_drawable_is_drawn_by_the_engine(package):
    """The standard forbids signs for missing glyphs, so the engine would refuse them."""
    texts = [*DRAWN.values(), *(text for text, _ in SCRIPTS.values()), *ODD]
    assert [undrawable(text) for text in texts] == [[]] * len(texts)
    made = render_now(Template(package(show=SHOW), "show"), {"texts": texts}, dated=DAY)
    assert made.content.startswith(b"%PDF-1.7")


def test_a_box_stands_for_what_no_font_has(package):
    texts = drawable({"texts": ["Sign 𓀀, ༀ, \x01"]})
    assert texts == {"texts": ["Sign □, □, □"]}
    render_now(Template(package(show=SHOW), "show"), texts, dated=DAY)


def test_fonts_of_an_operator_are_asked_for_what_those_of_the_product_lack(package, tmp_path):
    template, texts = Template(package(show=SHOW), "show"), {"texts": ["Sign 𓀀 😀"]}
    before = families()
    (tmp_path / "signs.ttc").write_bytes(_collection_with(0x13000))
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    (tmp_path / "readme.txt").write_text("no font either")
    typefaces.add_from(tmp_path)
    try:
        assert families() == (*before, "Test Emoji")
        assert undrawable("𓀀") == []
        assert render_now(template, texts, dated=DAY).content
    finally:
        typefaces.add_from(None)
    assert families() == before
    with pytest.raises(Undrawable):
        render_now(template, texts, dated=DAY)


def _collection_with(point):
    """A collection of one font, of another name, which has a glyph for one more character."""
    (path,) = folders()[1].glob("NotoEmoji*")
    font = bytearray(
        path.read_bytes().replace(
            "Noto Emoji".encode("utf-16-be"), "Test Emoji".encode("utf-16-be")
        )
    )
    # The tile of a dragon, whose glyph the character gets, is the first one of its plane.
    dragon = struct.pack(">LL", 0x1F004, 0x1F004)
    assert font.count(dragon) == 1
    at = font.index(dragon)
    font[at : at + 8] = struct.pack(">LL", point, point)
    header = struct.pack(">4sLLL", b"ttcf", 0x00010000, 1, 16)
    for index in range(struct.unpack_from(">H", font, 4)[0]):
        place = 12 + 16 * index + 8
        struct.pack_into(">L", font, place, struct.unpack_from(">L", font, place)[0] + len(header))
    return header + bytes(font)
