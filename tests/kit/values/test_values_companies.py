"""Names of companies without legal forms."""

import pytest

from crm_api.kit.values.companies import core_name


@pytest.mark.parametrize(
    ("names", "core"),
    [
        (
            ("ООО «Ромашка»", "Ромашка, ООО", "Romashka LLC", "Romashka L.L.C.", "OOO Romashka"),
            "romashka",
        ),
        (("Ромашка Плюс", "Romashka Plyus"), "romashka plius"),
        (("Müller GmbH & Co. KG", "Mueller", "MÜLLER G.m.b.H."), "muller"),
        (("Some Company Pty Ltd", "Some Co"), "some co"),
        (("Ford Motor Company", "Ford Motor Co."), "ford motor co"),
        (("A. O. Smith", "A.O. Smith Corp"), "ao smith"),
        (("Акционерное общество «Заря»", "АО Заря", "Заря"), "zaria"),
        (("Alfa Sp. z o.o.", "ALFA"), "alfa"),
        (("株式会社トヨタ", "トヨタ"), core_name("トヨタ")),
        (("ООО",), "ooo"),
        (("GmbH", "G.m.b.H."), "gmbh"),
        (("!!!",), ""),
    ],
)
def test_core_names(names, core):
    assert {core_name(name) for name in names} == {core}
