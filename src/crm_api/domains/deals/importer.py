"""How rows of a file become deals."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.catalogue.line_importer import (
    LINE_FIELDS,
    LineImporter,
    refer_to_sold,
    with_line,
)
from crm_api.domains.companies.cells import company_of
from crm_api.domains.companies.importer import (
    companies_named,
    refer_to_companies,
    refuse_unmakeable,
    relate_companies,
)
from crm_api.domains.companies.repository import name_key
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import contacts_by_email
from crm_api.domains.deals.actions import DealActions
from crm_api.domains.deals.competing import listed
from crm_api.domains.deals.lines import DealLine
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.policies import need_decided, need_step
from crm_api.domains.deals.reckoning import given_of, reckoned
from crm_api.domains.deals.repository import Ground, LossReasons, Stages
from crm_api.domains.deals.schemas import DealLoss, DealMoveInput, DealWin
from crm_api.domains.deals.service import DealService
from crm_api.domains.deals.valuing import converted, rate_home, weighed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.platform.transfer.importer import Draft, LookUp, Plan, data_of
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)

_PLAIN = ("name", "amount", "closes_on", "next_step", "next_step_on", "source", "description")
# What other systems call the stages that every pipeline has.
_KINDS = {"closed won": "won", "closedwon": "won", "closed lost": "lost", "closedlost": "lost"}
FIELDS = {
    "name": hint(
        "Name",
        """Deal Name | Opportunity Name | Name | Title | Deal | Opportunity | Deal Title | Bezeichnung
    Nom | Nombre | Название | Сделка""",
    ),
    "company.name": hint(
        "Company",
        """Company | Account Name | Company Name | Associated Company | Organization | Account | Firma
    Unternehmen | Kunde | Société | Empresa | Компания""",
    ),
    "company.domain": hint("Company domain", "Company Domain Name | Company Domain | Domain"),
    "contact": hint(
        "Contact's e-mail", "Contact Email | Email | Associated Contact Email | E-Mail", "email"
    ),
    "pipeline": hint("Pipeline", "Pipeline | Sales Process | Deal Pipeline | Воронка"),
    "stage": hint("Stage", "Deal Stage | Stage | Phase | Étape | Etapa | Стадия | Этап"),
    "loss_reason": hint(
        "Loss reason",
        "Closed Lost Reason | Loss Reason | Lost Reason | Reason Lost | Verlustgrund | Причина отказа",
    ),
    "amount": hint(
        "Amount",
        "Amount | Deal Amount | Value | Deal Value | Betrag | Montant | Importe | Сумма",
        "money",
    ),
    "currency": hint("Currency", "Currency | Deal Currency | Currency ISO Code | Währung | Валюта"),
    "closes_on": hint(
        "Close date",
        "Close Date | Expected Close Date | Closing Date | Abschlussdatum | Дата закрытия",
        "date",
    ),
    "probability_override": hint(
        "Probability", "Probability | Deal Probability | Probability (%) | Вероятность", "integer"
    ),
    "next_step": hint("Next step", "Next Step | Next Steps | Nächster Schritt | Следующий шаг"),
    "next_step_on": hint("Next step on", "Next Step Date | Next Activity Date", "date"),
    "external_id": hint("External ID", f"Deal ID | Opportunity ID | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", f"{DESCRIPTION} | Deal Description"),
    "source": hint("Source", f"{SOURCE} | Deal Source"),
    **LINE_FIELDS,
}
_NAMED = ("contact", "pipeline", "stage", "loss_reason")


class DealImporter(LineImporter):
    """Rows of deals; the pipelines, stages, reasons and contacts that they name are there already.

    So are the companies of those with lines, whose prices depend on them.
    """

    target = "deal"
    fields = FIELDS
    match = ("external_id",)
    service = DealService
    touched = (DealService, CompanyService)
    line_shape = DealLine

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The deal of a row, and what it calls everything that it refers to."""
        data = data_of({n: v for n, v in texts.items() if n != "contact"}, _PLAIN)
        if texts.get("currency"):
            data["currency"] = texts["currency"][0].strip().upper()
        if texts.get("probability_override"):
            data["probability_override"] = texts["probability_override"][0]
        named: dict[str, Any] = {name: next(iter(texts.get(name, ())), None) for name in _NAMED}
        own = {n.removeprefix("company."): v for n, v in texts.items() if n.startswith("company.")}
        company = company_of(own) if own else {}
        company = company if "name" in company else None
        related = {**named, "company": company, "ground": None}
        data, related = with_line((data, related), texts)
        if related["line"] and "amount" not in data:
            data["amount_mode"] = "lines"
        return data, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find stages and reasons by their names, contacts by their e-mail addresses."""
        bare = [draft for draft in drafts if not draft.related["line"]]
        await refuse_unmakeable(tx, self, bare, plan)
        stages = await Stages(tx).named()
        reasons = {name_key(name): id for name, id in await LossReasons(tx).named()}
        contacts = await self._contacts(tx, drafts)
        for draft in drafts:
            for fault in (
                _stand(draft, stages),
                _take(draft, "loss_reason", lambda name: reasons.get(name_key(name))),
                _take(draft, "contact", contacts.get),
                _lack(draft),
                _await(tx, draft),
            ):
                if fault is not None:
                    draft.faults.append(self.located(fault, draft, plan))
        lined = [draft for draft in drafts if draft.related["line"]]
        await refer_to_companies(tx, self, lined, plan)
        await refer_to_sold(tx, self, lined, plan)

    async def _contacts(self, tx: Tx, drafts: Sequence[Draft]) -> dict[str, UUID]:
        named = {draft.related["contact"] for draft in drafts if draft.related["contact"]}
        # Where several have it, the oldest is meant.
        return {text: min(ids) for text, ids in (await contacts_by_email(tx, named)).items()}

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have whoever takes a stage away wait; raises `Conflict` where one is gone by now."""
        stages = Stages(tx)
        held = {
            id: await stages.ground(id)
            for id in sorted({d.related["ground"]["id"] for d in drafts})
        }
        for draft in drafts:
            ground = held[draft.related["ground"]["id"]]
            if ground is None:
                message = "The stage was removed meanwhile."
                fault = Fault("unknown_stage", message, "/stage_id")
                raise Conflict(message, code="unknown_stage", faults=[fault])
            draft.related["ground"] = ground

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find companies by domain or name; unknown ones are made."""
        service, rates = DealService(tx), dict[Any, Any]()
        ids = [d.record_id for d in drafts if d.related["line"] and d.record_id is not None]
        known = {deal.id for deal in await service.records.some(ids)}
        for draft in drafts:
            values, ground = draft.values, draft.related["ground"]
            if ground["kind"] != "open" and values["closes_on"] is not None:
                zone = ZoneInfo(tx.actor.time_zone)
                values["closed_at"] = datetime.combine(values["closes_on"], time(), zone)
            values |= service.begun(values, ground)
            if draft.related["line"] and draft.record_id not in known:
                values |= await self._reckoned(tx, draft)
            values |= {**weighed(values, ground), "base_currency": ground["own"]}
            values |= listed(values["competitors"])
            values["base_amount"] = await _at_home(tx, values, ground["own"], rates)
        await relate_companies(tx, drafts)

    async def _reckoned(self, tx: Tx, draft: Draft) -> dict[str, Any]:
        """What a new deal comes to; raises `Invalid`. The same row may come again."""
        values = {**draft.values, "lines": self.first(draft)}
        if values["amount_mode"] == "lines":
            values["amount"] = None
        return await reckoned(tx, values, None)

    def given(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The name of a product was only read."""
        return given_of(line)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """How the amount of a deal is told stays."""
        found = super().patch(current, draft)
        return {name: value for name, value in found.items() if name != "amount_mode"}

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the companies that rows name."""
        drafts = list(drafts)
        return super().look_ups(drafts) | companies_named(drafts)

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new deal; raises `Invalid` where its pipeline takes none."""
        ground = draft.related["ground"]
        if ground["is_archived"] and ground["kind"] == "open":
            raise Invalid.at("/pipeline_id", "archived", "The pipeline takes no new deals.")
        need_step(draft.values, draft.values, ground)
        super().add(tx, draft)

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """What is in the way of another stage is in the way of the row."""
        await super().absorb(tx, current, draft)
        ground, values = draft.related["ground"], draft.values
        if not _moves(current, draft):
            return
        actions = DealActions(tx)
        if ground["kind"] == "open":
            await actions.move(current.id, DealMoveInput.model_validate({"stage_id": ground["id"]}))
        elif ground["kind"] == "won":
            await actions.win(
                current.id, DealWin.model_validate({"closed_on": values["closes_on"]})
            )
        else:
            given = {"closed_on": values["closes_on"], "stage_id": ground["id"]}
            reason = {"loss_reason_id": values["loss_reason_id"]}
            await actions.lose(current.id, DealLoss.model_validate({**given, **reason}))

    def adds_to(self, current: Any, draft: Draft, country: str | None) -> bool:
        """Also where a row says another stage."""
        return _moves(current, draft) or super().adds_to(current, draft, country)

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        found = super().pointed(path)
        return "company.name" if found == "company_id" else found.removesuffix("_id")


def _moves(current: Deal, draft: Draft) -> bool:
    said = draft.related["stage"] is not None or draft.related["pipeline"] is not None
    return said and draft.related["ground"]["id"] != current.stage_id


def _stand(draft: Draft, stages: Sequence[Ground]) -> Fault | None:
    """Note the stage that a row means, or tell why there is none."""
    pipeline, stage = draft.related["pipeline"], draft.related["stage"]
    known = list(stages)
    if pipeline is not None:
        key = name_key(pipeline)
        known = [s for s in known if name_key(s["pipeline_name"]) == key]
        if not known:
            return Fault("unknown_pipeline", "There is no such pipeline.", "/pipeline_id")
    elif stage is None or any(s["is_default"] and _is_called(s, stage) for s in known):
        known = [s for s in known if s["is_default"]]
    if stage is None:
        found = [s for s in known if s["kind"] == "open"][:1]
    else:
        found = [s for s in known if name_key(s["name"]) == name_key(stage)]
        found = found or [s for s in known if s["kind"] == _KINDS.get(name_key(stage))]
    if len(found) != 1:
        code = "ambiguous_stage" if found else "unknown_stage"
        at = "/pipeline_id" if stage is None else "/stage_id"
        return Fault(code, f"{len(found) or 'No'} stages are meant.", at)
    draft.related["ground"] = found[0]
    return None


def _is_called(stage: Ground, name: str) -> bool:
    key = name_key(name)
    return name_key(stage["name"]) == key or stage["kind"] == _KINDS.get(key)


def _take(draft: Draft, name: str, find: Callable[[str], UUID | None]) -> Fault | None:
    """Note the record that a row names, or tell that there is none."""
    named = draft.related[name]
    if named is None:
        return None
    id = find(named)
    if id is None:
        return Fault(
            f"unknown_{name}", f"There is no such {name.replace('_', ' ')}.", f"/{name}_id"
        )
    draft.values[f"{name}_id"] = id
    draft.given |= {f"{name}_id"}
    return None


def _lack(draft: Draft) -> Fault | None:
    """A lost deal has a reason; of another one none is kept."""
    ground = draft.related["ground"]
    said = draft.related["loss_reason"] is not None
    if ground is not None and ground["kind"] == "lost" and not said:
        return Fault("required", "A lost deal has a reason.", "/loss_reason_id")
    if ground is not None and ground["kind"] != "lost":
        draft.values["loss_reason_id"] = None
    # An action takes it, and not a patch.
    draft.given -= {"loss_reason_id"}
    return None


def _await(tx: Tx, draft: Draft) -> Fault | None:
    """What is decided was not decided on a day that is yet to come."""
    ground = draft.related["ground"]
    if ground is not None and ground["kind"] != "open":
        try:
            need_decided(tx, draft.values["closes_on"])
        except Invalid as error:
            return error.faults[0]
    return None


async def _at_home(tx: Tx, values: Mapping[str, Any], own: str, rates: dict[Any, Any]) -> Any:
    """The amount at home; each rate is asked for once."""
    amount, currency = values["amount"], values["currency"]
    if amount is None or currency == own:
        return amount
    asked = currency, values["closes_on"]
    if asked not in rates:
        rates[asked] = await rate_home(tx, currency, own, values["closes_on"])
    return converted(amount, rates[asked], own)
