"""What cells say of a company."""

from collections.abc import Callable, Mapping
from typing import Any

from crm_api.kit.errors import Invalid
from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.hosts import is_shared
from crm_api.kit.values.names import fold, forms_of, words_of
from crm_api.platform.transfer.importer import data_of

_PLAIN = ("name", "legal_name", "industry", "employees", "tax_id", "description", "source")
# What HubSpot, Salesforce and other systems call the stages of companies and their kinds.
_LIFECYCLES = {
    **dict.fromkeys(("lead", "subscriber", "marketingqualifiedlead", "new", "open"), "target"),
    **dict.fromkeys(("opennotcontacted", "workingcontacted", "attemptedtocontact"), "target"),
    **dict.fromkeys(("salesqualifiedlead", "opportunity", "opendeal", "inprogress"), "prospect"),
    **dict.fromkeys(("connected", "closedconverted"), "prospect"),
    **dict.fromkeys(("customerdirect", "customerchannel", "evangelist", "client"), "customer"),
    **dict.fromkeys(("kunde", "cliente", "клиент"), "customer"),
    **dict.fromkeys(("formercustomer", "customerformer", "churned"), "former"),
    **dict.fromkeys(("channelpartnerreseller", "installationpartner"), "partner"),
    **dict.fromkeys(("technologypartner", "reseller", "integrator"), "partner"),
    **dict.fromkeys(("vendor", "competitor", "investor", "analyst", "press"), "other"),
    **dict.fromkeys(("closednotconverted", "unqualified", "badtiming"), "other"),
}


def company_of(texts: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The creation shape of a company from cells by field; raises `Invalid`."""
    data = data_of(texts, _PLAIN)
    if "industry" in data:
        data["industry"] = read_as(code_of, data["industry"], "industry")
    if texts.get("lifecycle"):
        data["lifecycle"] = stage_of(texts["lifecycle"][0], _LIFECYCLES)
    data |= _web(texts)
    if texts.get("revenue"):
        data["annual_revenue"] = texts["revenue"][0]
    if texts.get("currency"):
        data["currency"] = texts["currency"][0].strip().upper()
    if "name" not in data and data.get("domains"):
        data["name"] = data["domains"][0]
    return data


def _web(texts: Mapping[str, list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    sites = texts.get("website", ())
    known, field = (texts["domain"], "domain") if texts.get("domain") else (sites[:1], "website")
    domains = [read_as(codes.domain, value, field) for value in known]
    # By a domain that many share no company is told from another.
    if own := [domain for domain in domains if not is_shared(domain)]:
        found["domains"] = own
    if sites:
        found["website"] = read_as(codes.url, sites[0], "website")
    return found


def read_as(convert: Callable[[str], str], text: str, field: str) -> str:
    """A cell as what it stands for; raises `Invalid` at the field where it is none."""
    try:
        return convert(text)
    except BadValue as error:
        raise Invalid.at(f"/{field}", error.code, str(error)) from None


def code_of(text: str) -> str:
    """Free text as a code: `Banking & Finance` is `banking_finance`; raises `BadValue`.

    Words in other letters are written in Latin ones; where there are none for them, the code is
    made of what their characters are called in domain names, so that equal words have equal codes.
    """
    latin = text.lower() if text.isascii() else " ".join(map(_latin, words_of(text)))
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in latin).split()
    code = "_".join(words)[:64].rstrip("_")
    if not code:
        raise BadValue("invalid_code", "A code has letters or digits.")
    return code


def _latin(word: str) -> str:
    if word.isascii():
        return word
    spelt = next(reversed(forms_of(word)), word)
    if spelt.isascii():
        return spelt
    return f"x{''.join(c for c in spelt.encode('punycode').decode() if c.isalnum())}"


def stage_of(text: str, known: Mapping[str, str]) -> str:
    """Where a relationship stands, by what other systems call it: `Customer - Direct`."""
    stage = fold(text).replace(" ", "")
    return known.get(stage, stage)
