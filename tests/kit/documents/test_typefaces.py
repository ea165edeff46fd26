"""Which characters can be printed: what the fonts are read for, and what the engine then does."""

from datetime import date

import pytest

from crm_api.kit.documents.engine import Template, render_now
from crm_api.kit.documents.errors import Undrawable
from crm_api.kit.documents.typefaces import FAMILIES, FOLDER, fonts, need_drawable, undrawable

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


@pytest.mark.parametrize("text", DRAWN.values(), ids=DRAWN)
def test_no_glyph_is_missing(text):
    assert undrawable(text) == []


def test_what_is_missing_is_named_with_its_place():
    assert undrawable("a 😀 ب 😀") == ["😀", "ب"]
    with pytest.raises(Undrawable) as refused:
        need_drawable({"lines": [{"name": "fine"}, {"name": "no 😀"}], "n": 1, "x": None})
    assert [(f.pointer, f.message) for f in refused.value.faults] == [
        ("/lines/1/name", "no font has “😀” (U+1F600)")
    ]
    with pytest.raises(Undrawable, match=r".") as refused:
        need_drawable(["".join(map(chr, range(0x1F600, 0x1F610)))])
    assert refused.value.faults[0].message.endswith("and 6 more")


def test_the_engine_has_these_fonts_and_no_others():
    assert set(fonts().families()) == set(FAMILIES)
    assert (FOLDER / "OFL.txt").read_text().count("SIL OPEN FONT LICENSE")


def test_what_is_drawable_is_drawn_by_the_engine(package):
    """The standard forbids signs for missing glyphs, so the engine would refuse them."""
    name = package(
        show="#let d = json(bytes(sys.inputs.data))\n"
        "#set text(font: json(bytes(sys.inputs.fonts)), fallback: false)\n"
        "#for one in d.texts [#one \\ ]"
    )
    made = render_now(
        Template(name, "show"), {"texts": list(DRAWN.values())}, dated=date(2026, 1, 1)
    )
    assert made.content.startswith(b"%PDF-1.7")
