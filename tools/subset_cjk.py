"""Cut Noto Sans CJK down to what documents need: `subset_cjk.py NotoSansCJK-Regular.ttc OUT.otf`.

Needs fontTools: `uv tool run --with fonttools python tools/subset_cjk.py …`.
"""

import sys

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

CHINESE = 2
"""The font of the collection whose own forms are those of China; the others are alternatives."""
KEPT = (
    (0x2460, 0x24FF),  # numbers in circles
    (0x2500, 0x27BF),  # boxes, shapes, signs
    (0x2E80, 0x2FDF),  # radicals
    (0x3000, 0x33FF),  # punctuation, kana, bopomofo, units
    (0x4E00, 0x9FFF),  # ideographs
    (0xAC00, 0xD7A3),  # Hangul
    (0xF900, 0xFAFF),  # ideographs for old encodings
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),  # wide and narrow forms
)


def main(source: str, target: str) -> None:
    """Write the smaller font."""
    font = TTFont(source, fontNumber=CHINESE, lazy=True)
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["locl"]
    options.layout_scripts = [
        "hani.dflt", "hani.JAN ", "hani.KOR ", "hani.ZHT ", "hani.ZHH ", "kana.JAN ", "hang.KOR ",
    ]  # fmt: skip
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 16, 17]
    options.notdef_outline = True
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE", "DSIG"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes={point for a, b in KEPT for point in range(a, b + 1)})
    cutter.subset(font)
    # One table of characters is enough, and the shorter form of it cannot hold so many glyphs.
    characters = CmapSubtable.newSubtable(12)
    characters.platformID, characters.platEncID, characters.language = 3, 10, 0
    characters.cmap = font.getBestCmap()
    font["cmap"].tables = [characters]
    font.save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
