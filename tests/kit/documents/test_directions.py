"""Lines of right-to-left scripts among others, and the other way round."""

import pytest

from crm_api.kit.documents.directions import isolated
from crm_api.kit.documents.languages import is_leftward, language

ARABIC, HEBREW = "شركة ABC للتجارة (12).", "חברת ABC בע״מ"


def test_only_lines_of_such_letters_are_marked():
    data = {"a": [f"Plain\n{ARABIC}", HEBREW, "中文 Ünï 😀", 7, None], "b": {"c": ("x", True)}}
    assert isolated(data) == {
        "a": [f"Plain\n\u2068{ARABIC}\u2069", f"\u2068{HEBREW}\u2069", "中文 Ünï 😀", 7, None],
        "b": {"c": ["x", True]},
    }


def test_within_what_goes_to_the_left_all_lines_are_marked_but_empty_ones():
    assert isolated(["+44 20\n\n−12 %", ""], within_leftward=True) == [
        "\u2068+44 20\u2069\n\n\u2068−12 %\u2069",
        "",
    ]


def test_what_is_put_into_a_wording_keeps_its_direction():
    words = language("crm_api.platform.proposals", "en")
    assert words.label("attention", name=HEBREW) == f"Attn. \u2068{HEBREW}\u2069"
    assert words.label("attention", name="A Person") == "Attn. A Person"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        *((tag, True) for tag in ("ar", "ar-EG", "fa", "he", "ur-PK", "pa-Arab")),
        *((tag, False) for tag in ("en", "pa", "ja", "zh-Hant", "xx", "no tag")),
    ],
)
def test_which_languages_go_to_the_left(tag, expected):
    assert is_leftward(tag) is expected
