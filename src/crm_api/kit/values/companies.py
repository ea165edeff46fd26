"""Names of companies without what every company has."""

import re

from crm_api.kit.values.names import spelling

# As `spelling` writes them. `AO` and `IP` only count in Cyrillic: A. O. Smith has a name.
_BEHIND = frozenset(
    map(
        spelling,
        (
            "ltd", "limited", "llc", "llp", "lp", "plc", "inc", "incorporated", "corp", "gmbh",
            "mbh", "ag", "kg", "kgaa", "ohg", "gbr", "ug", "ev", "eg", "se", "sa", "sas", "sarl",
            "sasu", "srl", "spa", "snc", "bv", "nv", "vof", "oy", "oyj", "ab", "aps", "as", "asa",
            "sl", "slu", "lda", "ltda", "eireli", "cv", "pty", "pte", "pvt", "bhd", "sdn", "kk",
            "doo", "sro", "kft", "zrt", "nyrt", "ooo", "oao", "pao", "zao", "jsc", "pjsc", "ojsc",
        ),
    )
)  # fmt: skip
_BEFORE = frozenset(map(spelling, ("ooo", "oao", "pao", "zao", "pjsc", "ojsc", "jsc", "sarl")))
_CYRILLIC = re.compile(r"\b(?:ооо|оао|пао|ао|зао|ип|нко|тоо|чп|тов|фгуп|муп)\b", re.IGNORECASE)
_SHORTER = {spelling("company"): "co", spelling("corporation"): "corp"}
# Written without a blank, so they are no words.
_ATTACHED = re.compile("株式会社|有限会社|合同会社|有限公司|주식회사|유한회사")
_LONGER = re.compile(
    r"\bsp(?:\.|\s)\s*z\s*o\.?\s*o\b\.?|kabushiki[\s-]+kaisha|общество с ограниченной ответственностью"
    r"|(?:публичное |закрытое |открытое )?акционерное общество|индивидуальный предприниматель"
    r"|gesellschaft mit beschränkter haftung|société anonyme",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"\b(?:\w\.\s?){2,}")


def core_name(name: str) -> str:
    """The name in `spelling`, without legal forms: equal for two writings of one company."""
    text = _DOTTED.sub(lambda found: re.sub(r"[.\s]", "", found[0]) + " ", name)
    text = _CYRILLIC.sub(" ", _LONGER.sub(" ", _ATTACHED.sub(" ", text)))
    kept = [_SHORTER.get(w, w) for w in spelling(text).split() or spelling(name).split()]
    while len(kept) > 1 and (kept[-1] in _BEHIND or _ends_in_co(kept)):
        kept = kept[:-1]
    while len(kept) > 1 and kept[0] in _BEFORE:
        kept = kept[1:]
    return " ".join(kept)


def _ends_in_co(words: list[str]) -> bool:
    """`GmbH & Co. KG`, but not the name of Some Company."""
    return words[-1] == "co" and words[-2] in _BEHIND
