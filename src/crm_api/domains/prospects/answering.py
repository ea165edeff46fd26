"""How answers to a form, which are texts, become what a lead has."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from crm_api.domains.companies.cells import code_of
from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.values.dates import parse_bool, parse_decimal
from crm_api.kit.values.errors import BadValue

OWN = "custom."
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")


def code_in(text: str) -> str:
    """What somebody says, as a code, unless it is one; raises `BadValue`."""
    return text if _CODE.fullmatch(text) else code_of(text)


def _whole(text: str) -> int:
    number = parse_decimal(text)
    if number != int(number):
        raise BadValue("invalid_number", "Not a whole number.")
    return int(number)


def _several(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


_READ: Mapping[str, Callable[[str], Any]] = {
    "employees": _whole,
    "industry": code_in,
    "skills": _several,
}
_READ_OWN: Mapping[str, Callable[[str], Any]] = {
    "integer": _whole,
    "decimal": parse_decimal,
    "money": parse_decimal,
    "bool": parse_bool,
    "multiselect": _several,
}


def given_by(answers: Mapping[str, str], own: CustomFields) -> dict[str, Any]:
    """What a lead is given by answers, its custom fields apart; raises `Invalid` at the keys."""
    given: dict[str, Any] = {"custom": {}}
    faults: list[Fault] = []
    for key, text in answers.items():
        name = key.removeprefix(OWN)
        field = own.get(name) if key.startswith(OWN) else None
        read = _READ.get(key) if field is None else _READ_OWN.get(field.type)
        try:
            value = read(text) if read else text
        except BadValue as error:
            faults.append(Fault(error.code, str(error), f"/{key}"))
            continue
        (given["custom"] if key.startswith(OWN) else given)[name] = value
    if faults:
        raise Invalid(faults[0].message, faults=faults)
    return given


def at_answers(error: Invalid) -> Invalid:
    """The mistakes of a lead at the answers that made them."""
    faults = [
        replace(fault, pointer="/answers" + (fault.pointer or "").replace("/custom/", f"/{OWN}"))
        for fault in error.faults
    ]
    return Invalid(error.detail, faults=faults)
