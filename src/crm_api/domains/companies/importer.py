"""How rows of a file become companies."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.cells import company_of
from crm_api.domains.companies.repository import name_key
from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.crud.plain import values_of
from crm_api.kit.crud.tree import circle
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.platform.exchange.repository import ExchangeRates
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan, readable
from crm_api.platform.transfer.naming import refer_to
from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS


class CompanyImporter(Importer):
    """Rows of companies."""

    target = "company"
    fields = readable(COMPANY_FIELDS)
    match = ("external_id", "domain", "email", "name")
    service = CompanyService
    touched = (CompanyService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The company of a row, and the name of its parent."""
        return company_of(texts), {"parent": next(iter(texts.get("parent", ())), None)}

    def _data(self, draft: Draft, texts: Mapping[str, list[Any]], plan: Plan) -> dict[str, Any]:
        data = super()._data(draft, texts, plan)
        if "annual_revenue" in data and "currency" not in data:
            draft.assumed = frozenset({"currency"})
            data["currency"] = plan.currency
        return data

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find parents by their exact names; unknown ones are made."""
        named = [draft for draft in drafts if draft.related["parent"]]
        here = {("name", name_key(draft.values["name"])): draft.record_id for draft in drafts}
        wanted = {("name", name_key(draft.related["parent"])): draft for draft in named}
        missing = {
            key: {"name": draft.related["parent"]}
            for key, draft in wanted.items()
            if key not in here
        }
        ids: dict[tuple[str, str], Any] = {**here, **await _found_or_made(tx, missing)}
        parents: dict[UUID | None, UUID] = {}
        for draft in named:
            parent = ids["name", name_key(draft.related["parent"])]
            if parent != draft.record_id:
                draft.values["parent_id"] = parents[draft.record_id] = parent
                draft.given |= {"parent_id"}
        _need_tree(parents)

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the parents that rows name."""
        drafts = list(drafts)
        named = {d.related["parent"] for d in drafts if not d.faults and d.related["parent"]}
        return super().look_ups(drafts) | {("company", "name", name_key(name)) for name in named}

    def pointed(self, path: Sequence[str]) -> str:
        """A parent is given by its name."""
        return "parent" if path[0] == "parent_id" else super().pointed(path)


def _need_tree(parents: Mapping[UUID | None, UUID]) -> None:
    """Refuse rows that stand below themselves.

    The rows are then stored apart, and the one that closes the circle is at fault.
    """
    good: set[UUID | None] = set()
    for first in parents:
        path: set[UUID | None] = set()
        at: UUID | None = first
        while at in parents and at not in good:
            if at in path:
                raise circle("company")
            path.add(at)
            at = parents[at]
        good |= path


def _keys_named(company: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How a company is looked up that a row names: the best key first."""
    own = [("domain", domain) for domain in company.get("domains", ())[:1]]
    return [*own, ("name", name_key(company["name"]))]


async def relate_companies(tx: Tx, drafts: Iterable[Draft]) -> None:
    """Find the companies that rows name as `related["company"]`; unknown ones are made.

    What the first row says of a company that several name is taken.
    """
    naming = [draft for draft in drafts if draft.related["company"]]
    wanted: dict[tuple[str, str], Mapping[str, Any]] = {}
    for draft in naming:
        wanted.setdefault(_key(draft), draft.related["company"])
    ids = await _found_or_made(tx, wanted)
    for draft in naming:
        draft.values["company_id"] = ids[_key(draft)]
        draft.given |= {"company_id"}


async def refer_to_companies(
    tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan
) -> None:
    """The same without making any: a company that is not there is a mistake of the row."""
    naming = [draft for draft in drafts if draft.related["company"]]
    wanted = {key for draft in naming for key in _keys_named(draft.related["company"])}
    found = await _found(CompanyService(tx), wanted)
    for draft in naming:
        keys = _keys_named(draft.related["company"])
        ids = [found[key] for key in keys if key in found][:1]
        refer_to(importer, draft, plan, "company", ids, "company_id")


def companies_named(drafts: Iterable[Draft]) -> set[LookUp]:
    """By what the companies that rows name are looked up."""
    return {
        ("company", *key)
        for draft in drafts
        if not draft.faults and (company := draft.related["company"])
        for key in _keys_named(company)
    }


def _key(draft: Draft) -> tuple[str, str]:
    return _keys_named(draft.related["company"])[0]


async def _found_or_made(
    tx: Tx, wanted: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str], UUID]:
    """The ids of companies by look-up key; those that are not there are made from the values.

    Where several companies have a key, the oldest is taken. One without any domain is also the
    one that a domain nobody has means, if the name is the same.
    """
    service = CompanyService(tx)
    ids = await _all_found(service, wanted)
    missing = [data for key, data in wanted.items() if key not in ids]
    paid = any("annual_revenue" in data and "currency" not in data for data in missing)
    own = await ExchangeRates(tx).own_currency() if paid else None
    # Those with a domain first: a row with the name alone may mean one of them.
    for key, data in sorted(wanted.items(), key=lambda item: item[0][0] != "domain"):
        if key not in ids:
            made = _made(service, data, own)
            for other in service.keys(made):
                ids.setdefault(other, made["id"])
    return ids


async def _found_without_domain(
    service: CompanyService, wanted: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str], UUID]:
    """By domains that nobody has: companies of the same name that have no domain at all."""
    names = {key: name_key(data["name"]) for key, data in wanted.items() if key[0] == "domain"}
    found = await service.records.without_domain(list(names.values()))
    return {key: found[name] for key, name in names.items() if name in found}


async def _all_found(
    service: CompanyService, wanted: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[tuple[str, str], UUID]:
    ids = await _found(service, wanted)
    left = {key: data for key, data in wanted.items() if key not in ids}
    return ids | await _found_without_domain(service, left)


async def _found(
    service: CompanyService, keys: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], UUID]:
    ids: dict[tuple[str, str], UUID] = {}
    keys = list(keys)
    for kind in {kind for kind, _ in keys}:
        values = [value for of, value in keys if of == kind]
        for value, found in (await service.records.by_keys(kind, values)).items():
            ids[kind, value] = min(found)
    return ids


def _made(service: CompanyService, data: Mapping[str, Any], own: str | None) -> dict[str, Any]:
    if faults := _against(service, data):
        raise Invalid("The company cannot be made.", faults=faults)
    if "annual_revenue" in data and "currency" not in data:
        data = {**data, "currency": own}
    values = values_of(CompanyCreate.model_validate(data))
    values = service.normalise(values, None, service.tx.actor.country)
    values["custom"] = service.fields.with_defaults(values["custom"])
    return {**values, "id": service.add({**values, **service.begins_with}).id}


def _against(service: CompanyService, data: Mapping[str, Any]) -> list[Fault]:
    """What keeps whoever imports from making a company of these values."""
    actor = service.tx.actor
    closed = (actor.read_only("company") | actor.hidden("company")) & data.keys()
    own = [
        Fault("read_only_field", "No role of yours lets it be set.", f"/company/{name}")
        for name in sorted(closed)
    ]
    lacking = service.fields.lacking(service.fields.with_defaults({}), actor)
    return [*own, *(Fault(f.code, f"{f.pointer}: {f.message}", "/company/name") for f in lacking)]


async def refuse_unmakeable(
    tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan
) -> None:
    """Companies that are not there and cannot be made are mistakes of the rows that name them."""
    service = CompanyService(tx)
    naming = {
        draft.number: faults
        for draft in drafts
        if (company := draft.related.get("company")) and (faults := _against(service, company))
    }
    if not naming:
        return
    wanted = {_key(draft): draft.related["company"] for draft in drafts if draft.number in naming}
    ids = await _all_found(service, wanted)
    for draft in drafts:
        if draft.number in naming and _key(draft) not in ids:
            draft.faults += [importer.located(f, draft, plan) for f in naming[draft.number]]
