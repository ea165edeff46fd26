"""How to make records of every collection; a new collection needs one entry here."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from crm_api.domains.conversations.service import MessageService
from crm_api.domains.leads.service import LeadAssignmentService
from crm_api.domains.promotions.service import CouponRedemptionService
from crm_api.domains.quote_links.service import QuoteDecisionService, QuoteQuestionService
from crm_api.domains.segments.service import BehaviourEventService
from crm_api.kit.crud.service import CrudService
from crm_api.kit.query.listing import Listing
from crm_api.registry import MODULES
from support.clients import Api
from support.graph import camel, pascal
from support.quoting import act, link, quote

Body = dict[str, Any]
SERVICES: tuple[type[CrudService[Any]], ...] = tuple(
    service for module in MODULES for service in module.services if service.plain
)


@dataclass(frozen=True)
class Factory:
    """What the generic tests know of a collection beyond its declarations."""

    least: Callable[[Api], Awaitable[Body]]
    """The smallest body that is accepted; makes what it refers to."""
    varied: Callable[[Api], Awaitable[list[Body]]]
    """Bodies with equal values and with nulls, half a dozen at least."""
    change: Body
    """A merge patch that changes a record made of `least`."""
    cleared: str | None
    """An optional field that `change` or `varied` sets and null clears."""
    required: str
    """A field that cannot be cleared."""
    wrong: Body
    """A field with a value of the wrong type."""
    needed: frozenset[str] = frozenset()
    """Lists that some records cannot do without."""
    sovereign: bool = False
    """Whether only who may do everything writes them."""
    further: int = 0
    """Statements that its writes take beyond those of any collection."""
    scopes: tuple[str, ...] = ()
    """Scopes that its writes take beside those of its area."""
    wants: Mapping[str, Body] = field(default_factory=dict[str, Body])
    """By its columns that refer to another record, what that has to be."""
    beside: Mapping[str, Body] = field(default_factory=dict[str, Body])
    """By such a column, what a body that sets it has to say beside it."""

    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """By such a column, its fields that hold the same as one of the other record."""

    first: Mapping[str, Callable[[Api, Body], Awaitable[Any]]] = field(default_factory=dict)
    """By such a column, what becomes of the other record before."""

    then: Callable[[Api, list[Body]], Awaitable[list[Body]]] | None = None
    """What becomes of several records, such as that one of them leads to another by an action."""
    with_owner: frozenset[str] = frozenset()
    """Its fields that follow its owner."""

    async def refer(self, api: Api, column: str, record: Body) -> Body:
        """What a body says that refers to another record by a column, which is made fit for it."""
        if column in self.first:
            await self.first[column](api, record)
        return self.referring(column, record)

    def referring(self, column: str, record: Body) -> Body:
        """What a body says that refers to another record by a column."""
        alike = {own: record[its] for own, its in self.alike.get(column, {}).items()}
        return {**self.beside.get(column, {}), **alike, column: record["id"]}


@dataclass(frozen=True)
class Kind:
    """A collection as the tests see it."""

    service: type[CrudService[Any]]

    @property
    def name(self) -> str:
        return self.service.plural

    @property
    def path(self) -> str:
        return self.service.plural.replace("_", "-")

    @property
    def listing(self) -> Listing:
        return self.service.repository.listing

    @property
    def entity(self) -> str:
        return self.listing.entity

    @property
    def entity_camel(self) -> str:
        """The name of its GraphQL field."""
        return camel(self.entity)

    @property
    def out(self) -> type[BaseModel]:
        return self.listing.out

    @property
    def type(self) -> str:
        """The name of its GraphQL type."""
        return pascal(self.entity)

    @property
    def area(self) -> str:
        return self.service.area

    @property
    def factory(self) -> Factory:
        return FACTORIES[self.name]

    def says(self, column: str) -> bool:
        """Whether its bodies set it: what a record becomes, or is matched with, nobody says."""
        return column in self.service.create_shape.model_fields

    @property
    def hands_out_secrets(self) -> bool:
        """Whether making one of its records answers with a secret, this once."""
        return self.entity in {
            "api_key",
            "app",
            "booking_link",
            "booking_page",
            "case_link",
            "delivery_link",
            "quote_link",
            "webhook",
        }

    @property
    def exclusive(self) -> bool:
        """Whether whoever writes one of its records waits for whoever writes another."""
        return self.entity in {"custom_field", "custom_object", "sharing_rule"}

    @property
    def serial(self) -> bool:
        """Whether its records are written one after the other, each by statements of its own."""
        one_by_one = {
            "bundle_component",
            "comment",
            "contact_relationship",
            "contract_price",
            "price_rule",
            "change_request",
            "order",
            "product_relation",
            "project_task",
            "deliverable",
            "time_entry",
            "expense",
            "budget_line",
            "campaign_cost",
            "marketing_commitment",
            "quote",
            "share",
            "tax_rate",
        }
        return self.exclusive or self.entity in one_by_one

    @property
    def asks(self) -> int:
        """How many statements look at what is there before any number of its records is made."""
        # Sequences in the bin, whose numbers are not given again.
        return 1 if self.entity == "number_sequence" else 0

    @property
    def follows(self) -> bool:
        """Whether what may be done to its records follows from those that they are about."""
        return self.listing.about is not None and self.listing.about.rules

    @property
    def singly(self) -> bool:
        """Whether each of its records takes statements of its own, such as a lock on another."""
        return self.serial or self.entity in {
            "alert",
            "approval_policy",
            "attachment",
            "booking",
            "booking_attendee",
            "case",
            "deal",
            "identity_provider",
            "journey_run",
            "lead",
            "lead_rule",
            "lead_score_model",
            "lead_score_rule",
            "legal_hold",
            "marketing_plan",
            "sla_policy",
            "pipeline",
            "product_variant",
            "project",
            "project_template",
            "recurring_booking",
            "report_schedule",
            "sequence_enrolment",
            "service_specification",
            "retention_policy",
            "stage",
            "subject_request",
            "suppression",
            "waitlist_entry",
            "webhook",
        }

    async def make(self, api: Api, **more: Any) -> Body:
        """A new record."""
        return await api.made(self.path, {**await self.factory.least(api), **more})

    async def bodies(self, api: Api, count: int) -> list[Body]:
        """Bodies of so many records that may stand side by side."""
        return [await self.factory.least(api) for _ in range(count)]

    async def several(self, api: Api) -> list[Body]:
        """Records with equal values and with nulls."""
        made = [await api.made(self.path, body) for body in await self.factory.varied(api)]
        return made if self.factory.then is None else await self.factory.then(api, made)

    async def define(self, api: Api, *fields: Body, **types: str) -> list[Body]:
        """Custom fields for these records: `tier="text"`, or whole definitions."""
        bodies = [*fields, *({"name": name, "type": type} for name, type in types.items())]
        return [await api.made("custom-fields", {"target": self.entity, **b}) for b in bodies]

    def __str__(self) -> str:
        return self.name


async def _least_key(api: Api) -> Body:
    return {"name": "Example", "scopes": ["contacts:read"]}


async def _varied_keys(api: Api) -> list[Body]:
    names: Sequence[str] = ("One", "Two", "Two", "two", "Ä")
    ends = ("2031-01-01T00:00:00Z", None, "2031-01-01T00:00:00Z", None, "2032-06-30T12:00:00Z")
    users = [(await api.made("users", await _least_user(api)))["id"] for _ in range(2)]
    bodies = zip(names, ends, (*users, users[0], None, None), strict=True)
    return [{"name": n, "scopes": ["*:read"], "expires_at": e, "user_id": u} for n, e, u in bodies]


async def _least_app(api: Api) -> Body:
    return {"name": "Sample app", "scopes": ["contacts:read"]}


async def _varied_apps(api: Api) -> list[Body]:
    names = ("One", "Two", "Two", "two", "Ä", "Zebra")
    public = (False, True, False, True, False, True)
    return [
        {"name": name, "scopes": ["*:read"], "is_confidential": not is_public}
        for name, is_public in zip(names, public, strict=True)
    ]


async def _least_provider(api: Api) -> Body:
    return {"name": "Company login", "issuer": "https://login.example.com", "client_id": "crm"}


async def _varied_providers(api: Api) -> list[Body]:
    least = await _least_provider(api)
    names = ("One", "Two", "Two", "two", "Ä", "Zebra")
    domains: Sequence[list[str]] = ([], ["example.com"], ["example.org"], [], ["example.com"], [])
    return [
        {
            **least,
            "name": name,
            "email_domains": own,
            "admits": bool(own),
            "is_active": not own,
            "client_secret": "a secret" if own else None,
        }
        for name, own in zip(names, domains, strict=True)
    ]


async def _least_webhook(api: Api) -> Body:
    # An address that nothing is sent to, so that no worker of a test tries.
    return {"url": "https://127.0.0.1:9/hook", "topics": ["contact.created"]}


async def _varied_webhooks(api: Api) -> list[Body]:
    addresses = ("one", "two", "two", "TWO", "ä", "zebra")
    orders = (True, False, True, False, True, False)
    return [
        {
            "url": f"https://127.0.0.1:9/{address}",
            "topics": ["contact.*", "company.created"],
            "description": None if in_order else "Sample",
            "in_order": in_order,
        }
        for address, in_order in zip(addresses, orders, strict=True)
    ]


async def _least_automation(api: Api) -> Body:
    return {"name": "Welcome"}


async def _varied_automations(api: Api) -> list[Body]:
    trigger = {"type": "event", "events": ["contact.created"]}
    step = {"action": "update", "patch": {"tags": ["welcome"]}}
    whole: Body = {"trigger": trigger, "steps": [step], "description": "An example."}
    return [
        {**whole, "name": "Welcome"},
        {**whole, "name": "welcome", "condition": {"lifecycle": {"eq": "lead"}}},
        {"name": "Правило", "trigger": trigger},
        {"name": "Ämter", "steps": [step], "description": "An example."},
        {"name": "Zebra"},
        {**whole, "name": "Zebra", "description": None},
    ]


async def _least_user(api: Api) -> Body:
    return {"email": f"member-{uuid4().hex[:12]}@example.com", "name": "Sample Member"}


async def _varied_users(api: Api) -> list[Body]:
    names = ("Sample Member", "sample member", "Пример", "Ärmel", "Zebra", "Zebra")
    zones = ("Europe/Berlin", None, "UTC", None, "UTC", "Europe/Berlin")
    return [
        {**await _least_user(api), "name": name, "time_zone": zone}
        for name, zone in zip(names, zones, strict=True)
    ]


async def _least_team(api: Api) -> Body:
    return {"name": "Example Team"}


async def _varied_teams(api: Api) -> list[Body]:
    parent = await api.made("teams", {"name": "Example Division"})
    below = {"parent_id": parent["id"]}
    return [
        {"name": "Sales", **below, "description": "An example."},
        {"name": "sales", **below},
        {"name": "Служба", "description": "An example."},
        {"name": "Ärzte", **below},
        {"name": "Zebra"},
        {"name": "Zebra"},
    ]


async def _least_member(api: Api) -> Body:
    user = await api.made("users", await _least_user(api))
    team = await api.made("teams", {"name": "Example Team"})
    return {"user_id": user["id"], "team_id": team["id"]}


async def _varied_members(api: Api) -> list[Body]:
    first, second, third = [await _least_member(api) for _ in range(3)]
    return [
        first,
        {**second, "team_id": first["team_id"], "is_lead": True},
        {**first, "team_id": second["team_id"], "is_lead": True},
        second,
        third,
        {**third, "team_id": first["team_id"]},
    ]


async def _least_role(api: Api) -> Body:
    return {"name": "Example"}


async def _varied_roles(api: Api) -> list[Body]:
    reach = {"read": "team", "create": "own", "update": "own", "delete": "none"}
    full: Body = {
        "name": "Partner manager",
        "description": "An example.",
        "levels": {"*": reach, "contacts": {**reach, "read": "all"}},
        "masks": {"contact": {"hidden": ["birth_date"]}},
        "permissions": ["export"],
    }
    return [
        full,
        {**full, "name": "partner manager", "masks": {}},
        {**full, "name": "Роль", "description": None},
        {"name": "Ämter", "permissions": ["export", "merge"]},
        {"name": "Zebra", "levels": {"contacts": reach}},
        {"name": "Zebra"},
    ]


async def _least_assignment(api: Api) -> Body:
    role = await api.made("roles", await _least_role(api))
    user = await api.made("users", await _least_user(api))
    return {"role_id": role["id"], "user_id": user["id"]}


async def _varied_assignments(api: Api) -> list[Body]:
    first, second, third = [await _least_assignment(api) for _ in range(3)]
    reason = {"reason": "An example."}
    return [
        {**first, **reason},
        {**second, "role_id": first["role_id"], **reason},
        {**first, "role_id": second["role_id"]},
        second,
        third,
        {**third, "role_id": first["role_id"]},
    ]


async def _least_share(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    user = await api.made("users", await _least_user(api))
    return {"target": "contact", "record_id": contact["id"], "user_id": user["id"]}


async def _varied_shares(api: Api) -> list[Body]:
    first, second = await _least_share(api), await _least_share(api)
    team = await api.made("teams", {"name": "Example Team"})
    role = await api.made("roles", {"name": "Example"})
    ends = {"expires_at": "2031-01-01T00:00:00Z"}
    return [
        {**first, **ends},
        {**second, "access": "write", **ends},
        {**first, "user_id": None, "team_id": team["id"]},
        {**second, "user_id": None, "role_id": role["id"], "access": "write"},
        second,
        {**first, "user_id": second["user_id"], "expires_at": "2032-06-30T12:00:00Z"},
    ]


async def _least_comment(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    return {"target": "contact", "record_id": contact["id"], "body": "Please call back."}


async def _owner(api: Api) -> str:
    """The id of a new user, whose a record may be."""
    return (await api.made("users", await _least_user(api)))["id"]


async def _varied_comments(api: Api) -> list[Body]:
    first, second = await _least_comment(api), await _least_comment(api)
    user = await api.made("users", await _least_user(api))
    said = await api.made("comments", first)
    return [
        {**first, "parent_id": said["id"], "body": f"@[user:{user['id']}] please call back."},
        {**first, "body": "please call back."},
        {**second, "body": "Ärger", "owner_id": user["id"]},
        {**second, "body": "Звонок", "owner_id": user["id"]},
        {**second, "body": f"@[user:{user['id']}]"},
        {**first, "parent_id": said["id"]},
    ]


async def _least_attachment(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    answer = await api.post("/v1/files?filename=offer.txt", content=b"An example.")
    assert answer.status_code == 201, answer.text
    return {"file_id": answer.json()["id"], "target": "contact", "record_id": contact["id"]}


async def _varied_attachments(api: Api) -> list[Body]:
    first, second = await _least_attachment(api), await _least_attachment(api)
    company = await api.made("companies", {"name": "Example Industries"})
    elsewhere = {"target": "company", "record_id": company["id"]}
    return [
        {**first, "description": "An example."},
        {**second, "filename": "Offer.txt"},
        {**first, **elsewhere, "filename": "Ängebot.txt", "description": "An example."},
        {**second, **elsewhere, "filename": "Zebra.txt"},
        {**first, "record_id": second["record_id"], "filename": "Zebra.txt"},
        {**second, "record_id": first["record_id"], "filename": "письмо.txt"},
    ]


async def _least_rule(api: Api) -> Body:
    user = await api.made("users", await _least_user(api))
    # One that shared anything would be changed by a job as well.
    off = {"is_active": False}
    return {"name": "Example", "target": "contact", "user_id": user["id"], **off}


async def _varied_rules(api: Api) -> list[Body]:
    first, second = await _least_rule(api), await _least_rule(api)
    team = await api.made("teams", {"name": "Example Team"})
    named = {"filter": {"last_name": {"eq": "Example"}}}
    return [
        {**first, **named, "name": "Fairs", "description": "An example."},
        {**first, **named, "name": "fairs", "access": "write"},
        {**second, "name": "Ämter", "target": "company", "access": "write"},
        {**second, "name": "Zebra", "user_id": None, "team_id": team["id"]},
        {**second, "name": "Zebra"},
        {**first, "name": "Правило", **named, "is_active": True},
    ]


OFFICE_WEEK = {
    day: [{"start": "09:00", "end": "18:00"}]
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
}


async def _least_calendar(api: Api) -> Body:
    return {"name": "Office", "time_zone": "Europe/Berlin", "week": OFFICE_WEEK}


async def _varied_calendars(api: Api) -> list[Body]:
    least = await _least_calendar(api)
    return [
        {**least, "is_default": True, "description": "An example."},
        {**least, "name": "office"},
        {**least, "name": "Смена", "week": {"sunday": [{"start": "22:00", "end": "06:00"}]}},
        {**least, "name": "Ämter", "time_zone": "UTC"},
        {**least, "name": "Zebra", "week": {}},
        {**least, "name": "Zebra", "description": "An example."},
    ]


async def _least_exception(api: Api) -> Body:
    made = await api.made("working-calendars", await _least_calendar(api))
    day = date(2030, 1, 1) + timedelta(days=uuid4().int % 10_000)
    return {"calendar_id": made["id"], "day": day.isoformat(), "name": "Inventory"}


async def _varied_exceptions(api: Api) -> list[Body]:
    first, second = await _least_exception(api), await _least_exception(api)
    morning = [{"start": "09:00", "end": "12:00"}]
    return [
        {**first, "name": "Christmas Eve", "hours": morning},
        {**first, "day": "2026-12-31", "name": "christmas eve"},
        {**first, "day": "2027-01-02"},
        {**second, "name": "Christmas Eve"},
        {**second, "day": "2027-01-02", "hours": morning},
    ]


async def _least_sequence(api: Api) -> Body:
    return {"key": f"invoice-{uuid4().hex[:12]}", "name": "Invoices"}


async def _varied_sequences(api: Api) -> list[Body]:
    names = ("Invoices", "invoices", "Счета", "Ärzte", "Zebra", "Zebra")
    return [
        {
            **await _least_sequence(api),
            "name": name,
            "pattern": "{year}-{number}" if place % 2 else "{number}",
            "restarts": "year" if place % 2 else "never",
            "next_number": place // 2 + 1,
        }
        for place, name in enumerate(names)
    ]


async def _least_field(api: Api) -> Body:
    return {"target": "employment", "name": f"f{uuid4().hex}", "type": "text"}


async def _varied_fields(api: Api) -> list[Body]:
    options = [{"value": "gold", "label": "Gold"}, {"value": "old", "archived": True}]
    full = {
        "target": "employment",
        "label": "Tier",
        "type": "select",
        "description": "An example.",
        "position": 3,
        "options": options,
        "default": "gold",
        "indexed": True,
        "searchable": True,
    }
    bodies: list[Body] = [
        full,
        {**full, "type": "multiselect", "default": ["gold"], "searchable": False},
        {"target": "employment", "type": "money", "currency": "EUR", "default": "9.5"},
        {"target": "company", "type": "relation", "relates_to": "contact"},
        {"target": "company", "type": "text", "unique": True, "visible_to": ["tiers:read"]},
        {"target": "company", "type": "formula", "result_type": "text", "formula": "upper(name)"},
        {"target": "company", "type": "date"},
    ]
    return [{**body, "name": f"f{uuid4().hex}"} for body in bodies]


async def _least_object(api: Api) -> Body:
    return {"key": f"o{uuid4().hex}", "label": "Vehicle", "plural_label": "Vehicles"}


async def _varied_objects(api: Api) -> list[Body]:
    labels = ("Vehicle", "vehicle", "Машина", "Ärzte", "Zebra", "Zebra")
    return [
        {
            **await _least_object(api),
            "label": label,
            "description": "An example." if n % 2 else None,
        }
        for n, label in enumerate(labels)
    ]


async def _least_company(api: Api) -> Body:
    return {"name": "Example Industries"}


async def _varied_companies(api: Api) -> list[Body]:
    parent = await api.made("companies", {"name": "Example Holding"})
    full = {
        "name": "Example Works",
        "legal_name": "Example Works Ltd",
        "domains": ["example.com"],
        "website": "https://example.com/about",
        "parent_id": parent["id"],
        "industry": "bank",
        "lifecycle": "customer",
        "employees": 250,
        "annual_revenue": "1234567.89",
        "currency": "EUR",
        "tax_id": "EX123",
        "founded_on": "1999-12-31",
        "country": "DE",
        "language": "de",
        "time_zone": "Europe/Berlin",
        "emails": [
            {"value": "Office@Example.com"},
            {"value": "sales@example.com", "kind": "sales"},
        ],
        "phones": [{"value": "+49 30 901820"}],
        "addresses": [{"street": "1 Example Street", "city": "Berlin", "country": "DE"}],
        "tags": ["first", "second"],
        "source": "fair",
        "description": "An example.\nWith two lines.",
    }
    return [
        full,
        {**full, "name": "example works", "annual_revenue": "99.5", "employees": 9},
        {**full, "name": "Пример", "annual_revenue": "1234567.8901", "tags": []},
        {"name": "Beispiel", "employees": 250, "founded_on": "2001-01-01"},
        {"name": "Beispiel", "employees": 0, "industry": "Bank"},
        {"name": "Äpfel"},
        {"name": "Zebra", "annual_revenue": "0", "currency": "USD", "country": "FR"},
    ]


async def _least_contact(api: Api) -> Body:
    return {"last_name": "Person"}


async def _varied_contacts(api: Api) -> list[Body]:
    company = await api.made("companies", {"name": "Example Industries"})
    full = {
        "salutation": "Dr",
        "first_name": "Sample",
        "middle_name": "Middle",
        "last_name": "Person",
        "preferred_name": "Sam",
        "birth_date": "1980-02-29",
        "language": "en",
        "time_zone": "America/Sao_Paulo",
        "country": "DE",
        "lifecycle": "customer",
        "company_id": company["id"],
        "title": "Buyer",
        "department": "Purchasing",
        "emails": [
            {"value": "Sample@Example.com"},
            {"value": "private@example.org", "kind": "home", "primary": True},
        ],
        "phones": [{"value": "030 901820", "kind": "mobile"}],
        "addresses": [{"city": "Berlin", "postal_code": "10115"}],
        "tags": ["vip"],
        "source": "web",
        "description": "An example.",
    }
    return [
        full,
        {**full, "first_name": "sample", "emails": [], "email": "second@example.com"},
        {**full, "first_name": None, "company_id": None, "tags": []},
        {"first_name": "Пример", "last_name": "Человек"},
        {"first_name": "Only"},
        {"last_name": "Only", "lifecycle": "customer"},
        {"email": "only@example.com", "birth_date": "1980-02-29"},
    ]


async def _least_employment(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    company = await api.made("companies", {"name": "Example Industries"})
    return {"contact_id": contact["id"], "company_id": company["id"]}


async def _varied_employments(api: Api) -> list[Body]:
    first, second = await _least_employment(api), await _least_employment(api)
    return [
        {**first, "title": "Buyer", "is_primary": True, "started_on": "2020-01-01"},
        {**first, "title": "Buyer", "started_on": "2010-01-01", "ended_on": "2019-12-31"},
        {**second, "title": "buyer", "department": "Purchasing", "role": "user"},
        {**second, "role": "user", "is_primary": True, "started_on": "2020-01-01"},
        {**first, "department": "Sales", "role": "decision_maker"},
        second,
    ]


async def _least_relationship(api: Api) -> Body:
    one, other = [await api.made("contacts", {"last_name": "Person"}) for _ in range(2)]
    return {"contact_id": one["id"], "related_contact_id": other["id"], "kind": "friend"}


async def _varied_relationships(api: Api) -> list[Body]:
    first, second, third = [await _least_relationship(api) for _ in range(3)]
    return [
        {**first, "note": "An example.", "strength": 3, "started_on": "2020-01-01"},
        {**first, "kind": "advises", "strength": 5},
        {**second, "kind": "reports_to", "note": "an example."},
        {**second, "kind": "partner", "started_on": "2010-01-01", "ended_on": "2019-12-31"},
        {**third, "kind": "other", "strength": 3},
        third,
    ]


_TARGETS = cycle(("contact", "company"))


async def _least_view(api: Api) -> Body:
    # Shared, so that the keys of the tests see each other's.
    return {"name": "Example", "target": next(_TARGETS), "sharing": "organization"}


async def _varied_views(api: Api) -> list[Body]:
    shared: Body = {**await _least_view(api), "target": "contact"}
    full = {
        "filter": {"or": [{"lifecycle": {"eq": "lead"}}, {"created_at": {"gte": "@now-30d"}}]},
        "sort": ["-created_at", "company.name"],
        "fields": ["id", "name", "company.name"],
        "include": ["company.parent"],
        "is_pinned": True,
    }
    return [
        {**shared, **full},
        {**shared, **full, "name": "example", "is_default": True},
        {**shared, "target": "company", "filter": {"tags": {"has": "vip"}}},
        {**shared, "sort": ["name"], "owner_id": await _owner(api)},
        {"name": "Example", "target": "employment"},
        {"name": "Beispiel", "target": "company", "is_default": True},
    ]


async def _least_report(api: Api) -> Body:
    # Shared, so that the keys of the tests see each other's.
    return {"name": "Example", "definition": {"source": "company"}, "sharing": "organization"}


async def _varied_reports(api: Api) -> list[Body]:
    least = await _least_report(api)
    whole: Body = {
        "source": "contact",
        "filter": {"created_at": {"gte": {"$param": "since"}}},
        "groupings": [{"field": "created_at", "bucket": "month"}],
        "measures": [{"name": "number", "function": "count"}],
    }
    asked = [{"name": "since", "type": "instant", "default": "@start_of_year"}]
    return [
        {**least, "definition": whole, "parameters": asked, "description": "An example."},
        {**least, "name": "example"},
        {**least, "name": "Отчёт", "description": "An example."},
        {**least, "name": "Ämter", "definition": whole, "parameters": asked},
        {**least, "name": "Zebra"},
        {**least, "name": "Zebra", "owner_id": await _owner(api)},
    ]


async def _least_schedule(api: Api) -> Body:
    report = await api.made("reports", await _least_report(api))
    # Nobody outside, which takes a permission besides.
    timed = {"cron": "0 8 * * 1", "recipients": [{"kind": "webhook"}]}
    # Shared, as alerts are, so that the keys of the tests see each other's.
    least = {"name": "Example", "sharing": "organization", **timed}
    return {**least, "report_id": report["id"]}


async def _varied_schedules(api: Api) -> list[Body]:
    least, other = await _least_schedule(api), await _least_schedule(api)
    ruled = {"cron": None, "rule": "FREQ=DAILY", "at": "08:30", "time_zone": "Europe/Moscow"}
    only = {"measure": "count", "comparison": "gt", "value": "1"}
    standard = {"standard_report": "company_completeness"}
    return [
        {**least, **ruled, "condition": only, "format": "pdf", "starts_on": "2030-01-01"},
        {**least, "name": "example", "condition": only},
        {**other, "name": "Рассылка"},
        {**other, "name": "Ämter", "is_active": False},
        {**least, "name": "Zebra", "report_id": None, **standard},
        {**least, "name": "Zebra", "is_active": False},
    ]


async def _least_alert(api: Api) -> Body:
    team = await api.made("teams", {"name": "Example Team"})
    bound = {"metric": "new_deals", "comparison": "lt", "threshold": "0"}
    least = {"name": "Example", "sharing": "organization", **bound}
    return {**least, "recipients": [{"kind": "team", "id": team["id"]}]}


async def _varied_alerts(api: Api) -> list[Body]:
    least = await _least_alert(api)
    return [
        {**least, "days": 7, "clear_at": "2", "every_minutes": 15},
        {**least, "name": "example", "days": 30},
        {**least, "name": "Тревога", "method": "anomaly", "season": "weekday"},
        {**least, "name": "Ämter", "is_active": False},
        {**least, "name": "Zebra"},
        {**least, "name": "Zebra", "is_active": False},
    ]


async def _least_dashboard(api: Api) -> Body:
    # Shared, so that the keys of the tests see each other's.
    return {"name": "Example", "sharing": "organization"}


async def _varied_dashboards(api: Api) -> list[Body]:
    least = await _least_dashboard(api)
    report = await api.made("reports", await _least_report(api))
    tiles = [
        {"key": "note", "kind": "text", "text": "An example.", "height": 1},
        {"key": "all", "kind": "report", "report_id": report["id"], "y": 1, "width": 6},
        {"key": "new", "kind": "metric", "metric": "new_deals", "x": 6, "y": 1, "width": 6},
        {"key": "own", "kind": "report", "standard_report": "company_completeness", "y": 5},
    ]
    asked = [{"name": "since", "type": "day", "default": "@today"}]
    return [
        {**least, "tiles": tiles, "parameters": asked, "description": "An example."},
        {**least, "name": "example"},
        {**least, "name": "Сводка", "description": "An example."},
        {**least, "name": "Ämter", "parameters": asked},
        {**least, "name": "Zebra"},
        {**least, "name": "Zebra", "owner_id": await _owner(api)},
    ]


async def _least_text(api: Api) -> Body:
    return {"name": "Newsletter", "purpose": "newsletter", "body": "Yes, once a month."}


async def _varied_texts(api: Api) -> list[Body]:
    names = ("Newsletter", "newsletter", "Рассылка", "Ärzte", "Zebra", "Zebra")
    return [
        {
            **await _least_text(api),
            "name": name,
            "language": "de" if place % 2 else None,
            "description": None if place % 2 else "An example.",
        }
        for place, name in enumerate(names)
    ]


async def _least_suppression(api: Api) -> Body:
    return {"value": f"nobody-{uuid4().hex[:12]}@example.com"}


async def _varied_suppressions(api: Api) -> list[Body]:
    first, second, third, fourth = [await _least_suppression(api) for _ in range(4)]
    domain = f"{uuid4().hex[:12]}.example"
    return [
        {**first, "reason": "complaint", "note": "An example."},
        {**first, "purpose": "newsletter", "expires_at": "2031-01-01T00:00:00Z"},
        {**second, "channel": "email", "purpose": "newsletter"},
        {**third, "keep_value": False, "reason": "unsubscribed"},
        {**fourth, "expires_at": "2031-01-01T00:00:00Z"},
        {"kind": "domain", "value": domain, "reason": "legal", "note": "An example."},
    ]


async def _least_guard(api: Api) -> Body:
    return {"name": "Not too often", "most": 4, "days": 30}


async def _varied_guards(api: Api) -> list[Body]:
    least = await _least_guard(api)
    promotion = {"purposes": ["promotion"], "channels": ["email"]}
    return [
        {**least, **promotion, "message": "Often enough."},
        {**least, "name": "not too often", "most": 1, "days": 7, "effect": "warn"},
        {**least, "name": "Не слишком часто", "subject": "company", "description": "An example."},
        {"name": "Ämter", "filter": {"lifecycle": "former"}, "is_active": False},
        {"name": "Zebra", "filter": {"lifecycle": "former"}, "effect": "require_approval"},
        {**least, "name": "Zebra", "message": "Often enough."},
    ]


async def _least_segment(api: Api) -> Body:
    return {"name": "Customers", "filter": {"lifecycle": "customer"}}


async def _varied_segments(api: Api) -> list[Body]:
    least = await _least_segment(api)
    return [
        {**least, "description": "An example.", "tags": ["a", "b"]},
        {**least, "name": "customers", "target": "company", "filter": {"name": {"ne": "x"}}},
        {"name": "Ämter", "kind": "static", "description": "An example."},
        {"name": "Щука", "kind": "suppression", "tags": ["b"]},
        {**least, "name": "Zebra", "kind": "snapshot", "is_active": False},
        {**least, "name": "Zebra"},
    ]


async def _least_request(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    return {"kind": "access", "record_id": contact["id"]}


async def _varied_requests(api: Api) -> list[Body]:
    first, second = await _least_request(api), await _least_request(api)
    return [
        {**first, "requester": "Sample Person"},
        {**first, "kind": "erasure", "requester": "sample person"},
        {**second, "received_at": "2026-01-31T12:00:00Z", "note": "An example."},
        {**second, "kind": "erasure", "received_at": "2026-01-31T12:00:00Z"},
        {**second, "requester": "Sample Person", "note": "An example."},
    ]


async def _least_hold(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Person"})
    return {"record_id": contact["id"], "reason": "Pending litigation"}


async def _varied_holds(api: Api) -> list[Body]:
    # Purges of the tests are of the holds, not of what they hold.
    first, second = await _least_hold(api), await _least_hold(api)
    company = await api.made("companies", {"name": "Example Industries"})
    return [
        {**first, "ends_on": "2031-01-01"},
        {**first, "reason": "pending litigation"},
        {**second, "ends_on": "2031-01-01"},
        {**second, "reason": "Audit"},
        {"target": "company", "record_id": company["id"], "reason": "Audit"},
    ]


async def _least_retention(api: Api) -> Body:
    return {"name": "Old people", "target": "contact", "action": "delete", "days": 3650}


async def _varied_retention(api: Api) -> list[Body]:
    least = await _least_retention(api)
    return [
        {**least, "filter": {"lifecycle": {"eq": "lead"}}, "description": "An example."},
        {**least, "name": "old people", "is_active": True},
        {**least, "name": "Старые", "action": "purge", "counted_from": "deleted_at", "days": 30},
        {**least, "name": "Ältere", "action": "anonymise", "days": 30},
        {**least, "name": "Zebra", "target": "company", "description": "An example."},
        {**least, "name": "Zebra", "target": "company", "counted_from": "created_at"},
    ]


async def _least_policy(api: Api) -> Body:
    step = {"name": "Sales", "approvers": [{"kind": "owner_lead"}]}
    return {"name": "Large customers", "target": "company", "steps": [step]}


async def _varied_policies(api: Api) -> list[Body]:
    least = await _least_policy(api)
    user = await api.made("users", await _least_user(api))
    step = {
        "name": "Finance",
        "approvers": [{"kind": "user", "id": user["id"]}],
        "filter": {"industry": {"eq": "bank"}},
        "escalation": {"after_minutes": 60, "action": "reject"},
    }
    whole: Body = {"steps": [step], "description": "An example.", "material_fields": ["name"]}
    return [
        {**least, **whole, "filter": {"employees": {"gte": 100}}},
        {**least, **whole, "name": "large customers", "purpose": "discount"},
        {**least, "name": "Крупные", "target": "contact", "priority": 1},
        {**least, "name": "Ämter", "is_active": False, "description": "An example."},
        {**least, "name": "Zebra", "submitter_may_approve": True},
        {**least, "name": "Zebra", "priority": 1},
    ]


async def _least_delegation(api: Api) -> Body:
    users = [(await api.made("users", await _least_user(api)))["id"] for _ in range(2)]
    return {"user_id": users[0], "delegate_id": users[1]}


async def _varied_delegations(api: Api) -> list[Body]:
    first, second = await _least_delegation(api), await _least_delegation(api)
    time = {"starts_at": "2031-01-01T00:00:00Z", "ends_at": "2031-02-01T00:00:00Z"}
    return [
        {**first, **time, "reason": "An example."},
        {**first, **time, "delegate_id": second["delegate_id"], "reason": "an example."},
        {**second, "starts_at": "2031-01-01T00:00:00Z", "reason": "Ärztlich"},
        {**second, **time, "delegate_id": first["delegate_id"]},
        {**second, "reason": "Отпуск"},
        {**first, "reason": "Отпуск"},
    ]


async def _least_unit(api: Api) -> Body:
    return {"key": f"u{uuid4().hex[:12]}", "name": "Piece", "dimension": "count"}


async def _varied_units(api: Api) -> list[Body]:
    names = ("Kilogram", "kilogram", "Штука", "Älteste Einheit", "Zebra", "Zebra")
    ratios = ("1", "0.001", "1", "0.45359237", "1000", "1")
    return [
        {
            **await _least_unit(api),
            "name": name,
            "ratio": ratio,
            "decimals": place % 3,
            "symbol": None if place % 2 else "kg",
            "names": {"de": "Beispiel"} if place % 2 else {},
        }
        for place, (name, ratio) in enumerate(zip(names, ratios, strict=True))
    ]


async def _least_category(api: Api) -> Body:
    return {"name": "Printers"}


async def _varied_categories(api: Api) -> list[Body]:
    parent = await api.made("product-categories", {"name": "Devices"})
    below = {"parent_id": parent["id"]}
    voltage = {"key": "voltage", "label": "Voltage", "type": "integer"}
    return [
        {"name": "Printers", **below, "description": "An example.", "attributes": [voltage]},
        {"name": "printers", **below, "position": 2, "names": {"de": "Drucker"}},
        {"name": "Принтеры", "description": "An example."},
        {"name": "Ämter", **below, "position": 2},
        {"name": "Zebra"},
        {"name": "Zebra", "attributes": [voltage]},
    ]


async def _least_product(api: Api) -> Body:
    return {"sku": f"SKU-{uuid4().hex[:12]}", "name": "Printer", "type": "good"}


async def _varied_products(api: Api) -> list[Body]:
    category = await api.made("product-categories", await _least_category(api))
    unit = await api.made("units", await _least_unit(api))
    successor = await api.made("products", await _least_product(api))
    priced = {"list_price": "99.50", "cost": "40", "currency": "EUR", "tax_category": "standard"}
    placed = {"category_id": category["id"], "unit_id": unit["id"]}
    size = {"key": "size", "label": "Size", "values": ["S", "M"]}
    return [
        {**await _least_product(api), **more}
        for more in (
            {**priced, **placed, "status": "active", "source": "catalogue", "needs": ["print"]},
            {**priced, "name": "printer", "tags": ["new"], "valid_from": "2031-01-01"},
            {"name": "Принтер", "type": "service", "names": {"en": "Printer"}, **placed},
            {"name": "Ärmel", "type": "bundle", "options": [size], "valid_to": "2031-01-01"},
            {"name": "Zebra", "successor_id": successor["id"], "source": "catalogue"},
            {"name": "Zebra", "type": "subscription", "barcode": str(uuid4().int)[:20]},
        )
    ]


async def _least_variant(api: Api) -> Body:
    product = await api.made("products", await _least_product(api))
    return {"product_id": product["id"], "sku": f"SKU-{uuid4().hex[:12]}", "name": "Printer M"}


async def _varied_variants(api: Api) -> list[Body]:
    size = {"key": "size", "label": "Size"}
    product = await api.made("products", {**await _least_product(api), "options": [size]})
    names = ("Red", "red", "Красный", "Älter", "Zebra", "Zebra")
    return [
        {
            **await _least_variant(api),
            "product_id": product["id"],
            "name": name,
            "options": {"size": str(place)},
            "list_price": None if place % 3 else "12.50",
            "cost_delta": "-1.25" if place % 2 else None,
            "status": "active" if place % 2 else "draft",
        }
        for place, name in enumerate(names)
    ]


async def _least_component(api: Api) -> Body:
    bundle = await api.made("products", {**await _least_product(api), "type": "bundle"})
    product = await api.made("products", await _least_product(api))
    return {"product_id": bundle["id"], "component_id": product["id"]}


async def _varied_components(api: Api) -> list[Body]:
    first, second, third = [await _least_component(api) for _ in range(3)]
    variant = await api.made("product-variants", await _least_variant(api))
    return [
        {**first, "quantity": "2.5", "max_quantity": "10", "position": 1},
        {**second, "product_id": first["product_id"], "is_optional": True, "position": 1},
        {**third, "price_mode": "fixed", "price": "9.90", "min_quantity": "1"},
        {**first, "product_id": third["product_id"], "price_mode": "percent", "percent": "90"},
        {**second, "component_id": variant["product_id"], "variant_id": variant["id"]},
        {**third, "component_id": second["component_id"], "quantity": "0.000001"},
    ]


async def _least_relation(api: Api) -> Body:
    one, other = [await api.made("products", await _least_product(api)) for _ in range(2)]
    return {"product_id": one["id"], "related_id": other["id"], "kind": "cross_sell"}


async def _varied_relations(api: Api) -> list[Body]:
    first, second, third = [await _least_relation(api) for _ in range(3)]
    return [
        {**first, "reason": "An example."},
        {**first, "kind": "up_sell", "position": 2},
        {**second, "kind": "requires", "reason": "an example."},
        {**second, "related_id": third["product_id"], "kind": "excludes"},
        {**third, "kind": "substitute", "position": 2},
        {**third, "related_id": first["product_id"]},
    ]


async def _least_specification(api: Api) -> Body:
    service = await api.made("products", {**await _least_product(api), "type": "service"})
    return {"product_id": service["id"], "duration_minutes": 60}


async def _varied_specifications(api: Api) -> list[Body]:
    skills = [{"skill": "welding", "level": 3}]
    room = [{"kind": "room", "quantity": 1, "attributes": {"seats": 12}}]
    return [
        {**await _least_specification(api), **more}
        for more in (
            {"capacity_per_day": 4, "skills": skills, "resources": room},
            {"capacity_per_day": 4, "duration_minutes": 30},
            {"duration_minutes": 30, "buffer_before_minutes": 15},
            {"skills": skills},
            {"resources": room, "buffer_after_minutes": 15},
        )
    ]


async def _least_list(api: Api) -> Body:
    return {"name": "Retail", "currency": "EUR"}


async def _varied_lists(api: Api) -> list[Body]:
    parent = await api.made("price-lists", await _least_list(api))
    company = await api.made("companies", {"name": "Example Industries"})
    year = {"valid_from": "2026-01-01", "valid_to": "2026-12-31"}
    return [
        {"name": "Retail", "currency": "EUR", "parent_id": parent["id"], "factor": "1.1", **year},
        {"name": "retail", "currency": "USD", "parent_id": parent["id"], "priority": 3},
        {"name": "Розница", "currency": "EUR", "audience": "segment", "audience_key": "gold"},
        {"name": "Ämter", "currency": "JPY", "audience": "account", "company_id": company["id"]},
        {"name": "Zebra", "currency": "EUR", "tax_included": True, "description": "An example."},
        {"name": "Zebra", "currency": "USD", **year},
    ]


async def _least_price_rule(api: Api) -> Body:
    made = await api.made("price-lists", await _least_list(api))
    return {"price_list_id": made["id"], "unit_price": "9.90"}


async def _varied_price_rules(api: Api) -> list[Body]:
    least = await _least_price_rule(api)
    product = await api.made("products", await _least_product(api))
    category = await api.made("product-categories", await _least_category(api))
    variant = await api.made("product-variants", await _least_variant(api))
    tiers = [{"unit_price": "7", "up_to": "5"}, {"unit_price": "6.50"}]
    of_cost = {"method": "cost_plus", "percent": "25", "min_margin": "10", "surcharge": "-0.50"}
    return [
        {**least, "product_id": product["id"], "floor": "5", "ceiling": "20"},
        {**least, "product_id": product["id"], "min_quantity": "10", "unit_price": "9.90"},
        {**least, "category_id": category["id"], "unit_price": None, **of_cost},
        {**least, "variant_id": variant["id"], "tier_mode": "graduated", "tiers": tiers},
        {**least, "valid_from": "2026-01-01", "valid_to": "2026-12-31", "round_to": "0.05"},
        {**least, "valid_from": "2027-01-01", "method": "formula", "formula": "list_price * 2"},
    ]


async def _least_contract_price(api: Api) -> Body:
    company = await api.made("companies", {"name": "Example Industries"})
    product = await api.made("products", await _least_product(api))
    ids = {"company_id": company["id"], "product_id": product["id"]}
    return {**ids, "currency": "EUR", "unit_price": "9.90"}


async def _varied_contract_prices(api: Api) -> list[Body]:
    first, second = await _least_contract_price(api), await _least_contract_price(api)
    variant = await api.made("product-variants", await _least_variant(api))
    return [
        {**first, "reference": "Frame 7", "valid_from": "2026-01-01", "valid_to": "2026-12-31"},
        {**first, "reference": "frame 7", "valid_from": "2027-01-01"},
        {**first, "currency": "USD", "tax_included": True},
        {**second, "min_quantity": "10"},
        {**second, "product_id": None, "variant_id": variant["id"], "unit_price": "8"},
    ]


async def _least_tax_rate(api: Api) -> Body:
    return {"name": "VAT", "country": "DE", "rate": "19", "code": f"T{uuid4().hex[:12]}"}


async def _varied_tax_rates(api: Api) -> list[Body]:
    names = ("VAT", "vat", "НДС", "Ärzte", "Zebra", "Zebra")
    more: Sequence[Body] = (
        {"valid_from": "2026-01-01", "valid_to": "2026-12-31"},
        {"region": "BY", "compound": True, "position": 1},
        {"country": "RU", "rate": "20"},
        {"tax_category": "books", "kind": "reduced", "rate": "7"},
        {"kind": "exempt", "rate": "0"},
        {"valid_from": "2026-01-01"},
    )
    return [
        {**await _least_tax_rate(api), "name": name, **own}
        for name, own in zip(names, more, strict=True)
    ]


async def _least_promotion(api: Api) -> Body:
    return {"name": "Summer sale", "percent": "10"}


async def _varied_promotions(api: Api) -> list[Body]:
    product = await api.made("products", await _least_product(api))
    category = await api.made("product-categories", await _least_category(api))
    return [
        {"name": "Sale", "percent": "10", "product_id": product["id"], "priority": 2},
        {"name": "sale", "amount": "5", "currency": "EUR", "needs_coupon": True},
        {"name": "Скидка", "percent": "10", "category_id": category["id"]},
        {"name": "Ämter", "percent": "50", "stacking": "exclusive", "is_active": False},
        {"name": "Zebra", "percent": "2.5", "valid_from": "2026-01-01", "valid_to": "2026-12-31"},
        {"name": "Zebra", "percent": "3", "description": "An example."},
    ]


async def _least_coupon(api: Api) -> Body:
    made = await api.made("promotions", await _least_promotion(api))
    return {"promotion_id": made["id"], "code": f"C-{uuid4().hex[:12]}"}


async def _varied_coupons(api: Api) -> list[Body]:
    first, second = await _least_coupon(api), await _least_coupon(api)
    limits = {"max_redemptions": 10, "max_per_customer": 1}
    year = {"valid_from": "2026-01-01", "valid_to": "2026-12-31"}
    more: Sequence[Body] = (
        {**first, **limits},
        first,
        {**second, **year},
        second,
        {**first, **year},
    )
    return [{**body, "code": f"C-{uuid4().hex[:12]}"} for body in more]


async def _least_discount_policy(api: Api) -> Body:
    role = await api.made("roles", {"name": "Example"})
    return {"name": "Representatives", "role_id": role["id"], "max_percent": "15"}


async def _varied_discount_policies(api: Api) -> list[Body]:
    names = ("Sales", "sales", "Служба", "Ämter", "Zebra")
    bodies = [{**await _least_discount_policy(api), "name": name} for name in names]
    there = (await api.read("discount-policies", limit=200))["data"]
    # One of no role is for everybody: there is but one.
    without = not any(policy["role_id"] is None for policy in there)
    return [*bodies, *([{"name": "Zebra", "max_percent": "5"}] if without else [])]


async def _least_quote(api: Api) -> Body:
    del api
    lines = [{"name": "Assembly", "unit_price": "90"}]
    return {"name": "Office", "currency": "EUR", "lines": lines}


async def _varied_quotes(api: Api) -> list[Body]:
    least = await _least_quote(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    made = await api.made("price-lists", await _least_list(api))
    deal = await api.made("deals", await _least_deal(api))
    section = {"key": "more", "title": "More", "kind": "optional"}
    support = {"name": "Support", "unit_price": "10", "interval": "month", "term": 12}
    return [
        {**least, "name": "Office", "company_id": company["id"], "valid_until": "2031-06-30"},
        {**least, "name": "office", "company_id": company["id"], "price_list_id": made["id"]},
        {**least, "name": "Предложение", "contact_id": contact["id"], "language": "ru"},
        {**least, "name": None, "sections": [section], "lines": [{**support, "section": "more"}]},
        {**least, "discounts": [{"percent": "5"}], "lines": [support], "tags": ["large"]},
        {
            "currency": "JPY",
            "name": "Zebra",
            "clauses": [{"text": "Paid within 14 days."}],
            "deal_id": deal["id"],
        },
        {"currency": "EUR", "name": "Zebra", "valid_until": "2031-06-30"},
    ]


async def _least_clause(api: Api) -> Body:
    del api
    return {"name": "Delivery", "text": "We deliver within four weeks."}


async def _varied_clauses(api: Api) -> list[Body]:
    least = await _least_clause(api)
    described = {"texts": {"de": "In vier Wochen."}, "description": "An example."}
    return [
        {**least, "names": {"de": "Lieferung"}, "key": f"C{uuid4().hex[:12]}", **described},
        {**least, "name": "delivery", "key": f"C{uuid4().hex[:12]}"},
        {**least, "name": "Доставка", "position": 2},
        {**least, "name": "Ämter", "position": 2, "is_active": False},
        {**least, "name": "Zebra", "text": "An example.", "description": "An example."},
        {**least, "name": "Zebra", "key": f"C{uuid4().hex[:12]}"},
    ]


async def _least_recipe(api: Api) -> Body:
    del api
    return {"name": "Office", "tiers": [{"tier": "good", "items": [{"need": "office"}]}]}


async def _varied_recipes(api: Api) -> list[Body]:
    least = await _least_recipe(api)
    item = {"need": "seats", "per": "seats", "section": "more", "is_optional": True}
    whole: Body = {
        "status": "active",
        "needs": ["office", "seats"],
        "condition": {"industry": {"eq": "bank"}},
        "sections": [{"key": "more", "title": "More"}],
        "tiers": [{"tier": "better", "name": "Comfort", "items": [item]}],
        "valid_days": 30,
        "description": "An example.",
        "clauses": [{"text": "Paid within 14 days."}],
    }
    return [
        {**least, **whole},
        {**least, "name": "office", "target": "contact", "priority": 7},
        {**least, "name": "Предложение", "language": "ru", "introduction": "Пример."},
        {**least, "name": "Ämter", "priority": 7, "closing": "An example."},
        {**least, **whole, "name": "Zebra", "status": "archived", "condition": {}},
        {**least, "name": "Zebra", "valid_days": 30},
    ]


async def _least_quote_link(api: Api) -> Body:
    quote = await api.made("quotes", await _least_quote(api))
    return {"quote_id": quote["id"]}


async def _varied_quote_links(api: Api) -> list[Body]:
    first, second = await _least_quote_link(api), await _least_quote_link(api)
    contact = await api.made("contacts", {"last_name": "Person"})
    ends = {"expires_at": "2031-01-01T00:00:00Z"}
    return [
        {**first, **ends, "label": "Purchasing", "contact_id": contact["id"]},
        {**first, **ends, "label": "purchasing"},
        {**second, "label": "Ämter", "expires_at": "2032-06-30T12:00:00Z"},
        {**second, "label": "Закупки", "contact_id": contact["id"]},
        {**second, **ends},
        {**first, "label": "Zebra"},
    ]


async def _least_pipeline(api: Api) -> Body:
    del api
    return {"name": "Partners"}


async def _varied_pipelines(api: Api) -> list[Body]:
    least = await _least_pipeline(api)
    return [
        {**least, "key": f"P{uuid4().hex[:12]}", "currency": "EUR", "graph": "strict"},
        {**least, "name": "partners", "key": f"P{uuid4().hex[:12]}", "description": "An example."},
        {**least, "name": "Партнёры", "currency": "EUR"},
        {**least, "name": "Ämter", "graph": "forward_only", "is_archived": True},
        {**least, "name": "Zebra", "description": "An example."},
        {**least, "name": "Zebra", "currency": "USD"},
    ]


async def _least_stage(api: Api) -> Body:
    pipeline = await api.made("pipelines", {"name": "Partners"})
    return {"name": "Proposal", "pipeline_id": pipeline["id"]}


async def _varied_stages(api: Api) -> list[Body]:
    least = await _least_stage(api)
    item = {"key": "terms", "title": "Terms are agreed"}
    return [
        {**least, "probability": 40, "rotting_days": 30, "required_fields": ["amount"]},
        {**least, "name": "proposal", "position": 2, "rotting_days": 30},
        {**least, "name": "Предложение", "entry_criteria": {"amount": {"gt": "1"}}},
        {**least, "name": "Ämter", "exit_criteria": {"tags": {"has": "large"}}},
        {**least, "name": "Zebra", "checklist": [item], "forecast_category": "commit"},
        {**least, "name": "Zebra", "kind": "lost"},
    ]


async def _least_loss_reason(api: Api) -> Body:
    del api
    return {"name": "Price"}


async def _varied_loss_reasons(api: Api) -> list[Body]:
    least = await _least_loss_reason(api)
    return [
        {**least, "key": f"L{uuid4().hex[:12]}", "description": "An example."},
        {**least, "name": "price", "key": f"L{uuid4().hex[:12]}", "position": 1},
        {**least, "name": "Цена", "position": 1, "is_active": False},
        {**least, "name": "Ämter", "description": "An example."},
        {**least, "name": "Zebra"},
        {**least, "name": "Zebra", "position": 2},
    ]


async def _least_deal(api: Api) -> Body:
    del api
    return {"name": "New office"}


async def _varied_deals(api: Api) -> list[Body]:
    least = await _least_deal(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    pipeline = await api.made("pipelines", {"name": "Partners"})
    reason = await api.made("loss-reasons", {"name": "Price"})
    return [
        {**least, "company_id": company["id"], "amount": "1200.00", "closes_on": "2031-06-30"},
        {**least, "name": "new office", "company_id": company["id"], "probability_override": 60},
        {**least, "name": "Новый офис", "contact_id": contact["id"], "currency": "USD"},
        {**least, "name": "Ämter", "pipeline_id": pipeline["id"], "next_step": "Call"},
        {**least, "name": "Zebra", "amount": "1200.00", "forecast_override": "commit"},
        {**least, "name": "Zebra", "tags": ["large"], "checked": ["terms"]},
        {**least, "name": "lost", "loss_reason_id": reason["id"], "competitor_id": company["id"]},
    ]


async def _least_deal_contact(api: Api) -> Body:
    deal = await api.made("deals", await _least_deal(api))
    contact = await api.made("contacts", {"last_name": "Person"})
    return {"deal_id": deal["id"], "contact_id": contact["id"]}


async def _varied_deal_contacts(api: Api) -> list[Body]:
    first, second = [await _least_deal_contact(api) for _ in range(2)]
    return [
        {**first, "roles": ["champion", "user"], "influence": 5},
        {**first, "contact_id": second["contact_id"], "sentiment": "negative"},
        {**second, "roles": ["blocker"], "influence": 1, "note": "An example."},
        {**second, "contact_id": first["contact_id"], "roles": ["user"], "influence": 5},
        {**await _least_deal_contact(api), "sentiment": "positive", "note": "Zebra"},
        {**await _least_deal_contact(api), "sentiment": "positive", "roles": ["champion"]},
    ]


async def _least_goal(api: Api) -> Body:
    del api
    return {
        "name": "Fourth quarter",
        "starts_on": "2031-10-01",
        "ends_on": "2031-12-31",
        "target": "1000.00",
    }


async def _varied_goals(api: Api) -> list[Body]:
    least = await _least_goal(api)
    user = await api.made("users", await _least_user(api))
    team = await api.made("teams", await _least_team(api))
    pipeline = await api.made("pipelines", {"name": "Partners"})
    return [
        {**least, "user_id": user["id"], "milestones": [25, 50], "description": "An example."},
        {**least, "name": "fourth quarter", "team_id": team["id"], "target": "2500.00"},
        {**least, "name": "Квартал", "metric": "won_count", "target": "12"},
        {**least, "name": "Ämter", "metric": "new_deals", "pipeline_id": pipeline["id"]},
        {**least, "name": "Zebra", "user_id": user["id"], "starts_on": "2031-07-01"},
        {**least, "name": "Zebra", "milestones": []},
    ]


async def _least_order(api: Api) -> Body:
    del api
    lines = [{"name": "Assembly", "unit_price": "90"}]
    return {"name": "Office", "currency": "EUR", "lines": lines}


async def _varied_orders(api: Api) -> list[Body]:
    least = await _least_order(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    deal = await api.made("deals", await _least_deal(api))
    quote = await api.made("quotes", await _least_quote(api))
    support = {"name": "Support", "unit_price": "10", "interval": "month", "term": 12}
    return [
        {**least, "name": "Office", "company_id": company["id"], "due_on": "2031-06-30"},
        {**least, "name": "office", "company_id": company["id"], "reference": "PO-1"},
        {**least, "name": "Заказ", "contact_id": contact["id"], "promises": ["Training"]},
        {**least, "name": None, "lines": [support], "deal_id": deal["id"]},
        {"currency": "JPY", "name": "Zebra", "quote_id": quote["id"], "tags": ["large"]},
        {
            **least,
            "name": "Zebra",
            "due_on": "2031-06-30",
            "quote_id": quote["id"],
            "handover": [{"key": "keys", "title": "Keys"}],
        },
    ]


async def _least_change(api: Api) -> Body:
    order = await api.made("orders", await _least_order(api))
    return {"order_id": order["id"], "name": "Two more"}


async def _varied_changes(api: Api) -> list[Body]:
    order = await api.made("orders", await _least_order(api))
    least, line = {"order_id": order["id"], "name": "Two more"}, order["lines"][0]["id"]
    more = {"action": "change", "line_id": line, "quantity": "3"}
    added = {"action": "add", "line": {"name": "Delivery", "unit_price": "5"}}
    return [
        {**least, "changes": [more], "reason": "An example."},
        {**least, "name": "two more", "changes": [more, added], "due_on": "2031-06-30"},
        {**least, "name": "Больше", "due_on": "2031-06-30"},
        {**least, "name": "Ämter", "changes": [{"action": "remove", "line_id": line}]},
        {**await _least_change(api), "name": "Zebra", "reason": "An example."},
        {**least, "name": "Zebra"},
    ]


async def _least_preference(api: Api) -> Body:
    contact = await api.made("contacts", {"last_name": "Example"})
    return {"contact_id": contact["id"], "key": "channel", "value": "phone"}


async def _varied_preferences(api: Api) -> list[Body]:
    contact = (await api.made("contacts", {"last_name": "Example"}))["id"]
    company = (await api.made("companies", {"name": "Example"}))["id"]
    seen = [{"target": "contact", "record_id": contact}]
    return [
        {"contact_id": contact, "key": "channel", "value": "email", "evidence": seen},
        {"contact_id": contact, "key": "channel", "value": "email", "origin": "observed"},
        {"contact_id": contact, "key": "time", "value": "mornings", "valid_to": "2098-12-31"},
        {"company_id": company, "key": "language", "value": "de", "valid_to": "2099-12-31"},
        {"company_id": company, "key": "tone", "value": "formal", "confidence": 40},
        {"company_id": company, "key": "other", "value": "no calls", "origin": "inferred"},
    ]


async def _least_expectation(api: Api) -> Body:
    company = await api.made("companies", {"name": "Example"})
    return {"company_id": company["id"], "what": "An answer this week"}


async def _varied_expectations(api: Api) -> list[Body]:
    company = (await api.made("companies", {"name": "Example"}))["id"]
    contact = (await api.made("contacts", {"last_name": "Example"}))["id"]
    about = {"target": "company", "record_id": company}
    due = "2099-01-31T12:00:00Z"
    return [
        {"company_id": company, "what": "An answer", "due_at": due},
        {"company_id": company, "what": "An answer", "due_at": due, "importance": "high"},
        {"contact_id": contact, "what": "A call", "source": "inferred"},
        {"contact_id": contact, "company_id": company, "what": "A visit", "about": about},
        {"company_id": company, "what": "Delivery", "source": "contract"},
        {"company_id": company, "what": "Delivery", "source": "sla", "importance": "critical"},
    ]


async def _least_contract(api: Api) -> Body:
    del api
    return {"name": "Support", "currency": "EUR", "starts_on": "2031-01-01"}


async def _varied_contracts(api: Api) -> list[Body]:
    least = await _least_contract(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    order = await api.made("orders", await _least_order(api))
    deal = await api.made("deals", await _least_deal(api))
    line = {"name": "Support", "unit_price": "10", "interval": "quarter"}
    return [
        {**least, "company_id": company["id"], "lines": [line], "term_months": 12},
        {**least, "name": "support", "company_id": company["id"], "kind": "subscription"},
        {**least, "name": "Поддержка", "contact_id": contact["id"], "notice_days": 30},
        {**least, "name": "Ämter", "order_id": order["id"], "tags": ["large"]},
        {**least, "name": "Zebra", "renewal_deal_id": deal["id"], "description": "An example."},
        {**least, "name": "Zebra", "term_months": 1, "auto_renew": True},
    ]


async def _least_project_template(api: Api) -> Body:
    del api
    return {"name": "Installation"}


async def _varied_project_templates(api: Api) -> list[Body]:
    least = await _least_project_template(api)
    phase = {"key": "site", "name": "On site", "kind": "phase"}
    first = {"key": "cables", "name": "Lay the cables", "minutes": 960, "parent": "site"}
    link = {"key": "cables", "kind": "ss", "lag": 60}
    then = {"key": "test", "name": "Test", "dependencies": [link]}
    return [
        {**least, "key": f"T{uuid4().hex[:12]}", "tasks": [phase, first, then]},
        {**least, "name": "installation", "key": f"T{uuid4().hex[:12]}"},
        {**least, "name": "Установка", "description": "An example."},
        {**least, "name": "Ämter", "is_active": False},
        {**least, "name": "Zebra", "description": "An example."},
        {**least, "name": "Zebra", "tasks": [phase]},
    ]


async def _least_case(api: Api) -> Body:
    del api
    return {"subject": "The display stays dark"}


async def _close_case(api: Api, case: Body) -> None:
    for verb, said in (("resolve", {"resolution": "Another cable"}), ("close", {})):
        answer = await api.post(f"/v1/cases/{case['id']}/{verb}", json=said)
        assert answer.status_code in {200, 409}, answer.text


async def _varied_cases(api: Api) -> list[Body]:
    least = await _least_case(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Example"})
    order = await api.made("orders", await _least_order(api))
    parent = await api.made("cases", {**least, "kind": "problem"})
    # Those that are merged, and those that follow up another, are of one customer.
    of = {**least, "company_id": company["id"]}
    before = await api.made("cases", of)
    await _close_case(api, before)
    product = await api.made("products", await _least_product(api))
    promised = await api.made("deliverables", await _least_deliverable(api))
    about = {"product_id": product["id"], "project_id": promised["project_id"]}
    return [
        {**of, "priority": "high", "description": "Since noon"},
        {**of, "subject": "the display stays dark", "contact_id": contact["id"]},
        {**of, "subject": "Экран тёмный", "order_id": order["id"], "channel": "email"},
        {**of, "subject": "Äpfel", "parent_id": parent["id"], "deliverable_id": promised["id"]},
        {**of, "subject": "Apples", "parent_id": parent["id"], "follows_id": before["id"]},
        {**least, "subject": "Zebra", "impact": "high", "urgency": "high", **about},
        {**of, "subject": "Zebra", "deliverable_id": promised["id"], "follows_id": before["id"]},
    ]


async def _least_channel(api: Api) -> Body:
    del api
    return {"name": "Chat", "kind": "chat"}


def _mail_channel() -> Body:
    return {"name": "Support", "addresses": [f"{uuid4().hex}@example.com"]}


async def _varied_channels(api: Api) -> list[Body]:
    chat = await _least_channel(api)
    return [
        {**_mail_channel(), "acknowledgement": "It has come.", "case_kind": "incident"},
        {**_mail_channel(), "name": "support", "opens_cases": True},
        {**chat, "acknowledges": True, "acknowledgement": "It has come."},
        {**chat, "name": "Поддержка", "kind": "whatsapp", "hourly_limit": 5},
        {**chat, "name": "Äpfel", "is_active": False, "case_priority": "high"},
        {**chat, "name": "Zebra", "kind": "sms", "addresses": ["+4930123456"]},
    ]


async def _least_conversation(api: Api) -> Body:
    del api
    return {"subject": "The display stays dark"}


async def _varied_conversations(api: Api) -> list[Body]:
    least = await _least_conversation(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Example"})
    case = await api.made("cases", await _least_case(api))
    channel = await api.made("channels", await _least_channel(api))
    team = await api.made("teams", {"name": "Support"})
    return [
        {**least, "company_id": company["id"], "team_id": team["id"], "tags": ["a"]},
        {**least, "subject": "the display stays dark", "contact_id": contact["id"]},
        {**least, "subject": "Экран тёмный", "case_id": case["id"]},
        {**least, "subject": "Äpfel", "channel_id": channel["id"]},
        {**least, "subject": "Zebra", "case_id": case["id"], "channel_id": channel["id"]},
        {**least, "subject": "Zebra", "contact_id": contact["id"], "company_id": company["id"]},
    ]


async def _least_steps(api: Api) -> Body:
    del api
    return {"name": "After the fair", "purpose": "news"}


async def _varied_steps(api: Api) -> list[Body]:
    least = await _least_steps(api)
    channel = await api.made("channels", _mail_channel())
    mail = {"action": "mail", "subject": "Hello", "body": "{{ contact.last_name }}, hello."}
    window = {"weekdays": ["monday"], "starts_at": "09:00", "ends_at": "17:00"}
    return [
        {**least, "channel_id": channel["id"], "steps": [mail], "tags": ["a"]},
        {**least, "name": "after the fair", "send_window": window, "daily_limit": 10},
        {**least, "name": "После ярмарки", "auto_reply_days": 3, "reply_scope": "thread"},
        {**least, "name": "Ämter", "goal": {"lifecycle": {"eq": "customer"}}},
        {**least, "name": "Zebra", "purpose": "offers", "sender_daily_limit": 5},
        {**least, "name": "Zebra", "description": "An example.", "steps": [{"action": "stop"}]},
    ]


async def _least_journey(api: Api) -> Body:
    del api
    return {"name": "Welcome"}


async def _varied_journeys(api: Api) -> list[Body]:
    least = await _least_journey(api)
    above = (await api.made("campaigns", {"name": "Spring"}))["id"]
    end = {"id": "end", "type": "exit"}
    return [
        {**least, "description": "An example.", "nodes": [end], "tags": ["a"]},
        {**least, "name": "welcome", "re_entry": {"mode": "after", "days": 30}},
        {**least, "name": "Добро", "entry": {"type": "event", "event": "signed_up"}},
        {**least, "name": "Ämter", "goal": {"lifecycle": {"eq": "customer"}}},
        {**least, "name": "Zebra", "exits": {"unsubscribed_from": "news"}, "campaign_id": above},
        {**least, "name": "Zebra", "nodes": [end]},
    ]


async def _least_journey_run(api: Api) -> Body:
    # Of a draft: no worker goes on with it meanwhile.
    journey = await api.made("journeys", await _least_journey(api))
    contact = await api.made("contacts", {"last_name": "Person"})
    return {"journey_id": journey["id"], "contact_id": contact["id"]}


async def _varied_journey_runs(api: Api) -> list[Body]:
    least = await _least_journey_run(api)
    contact = await api.made("contacts", {"last_name": "Example"})
    return [
        {**least, "note": "Zebra"},
        {**least, "note": "Zebra", "contact_id": contact["id"]},
        {**await _least_journey_run(api), "note": "Met at the fair."},
        {**await _least_journey_run(api), "note": "met at the fair."},
        {**await _least_journey_run(api), "note": "Ярмарка"},
        await _least_journey_run(api),
    ]


async def _least_enrolment(api: Api) -> Body:
    sequence = await api.made("sequences", await _least_steps(api))
    contact = await api.made("contacts", {"last_name": "Person"})
    # So late that no worker notes meanwhile why it waits.
    late = {"next_at": "2099-01-01T09:00:00Z"}
    return {"sequence_id": sequence["id"], "contact_id": contact["id"], **late}


async def _varied_enrolments(api: Api) -> list[Body]:
    deal = await api.made("deals", await _least_deal(api))
    user = await api.made("users", {"name": "Sender", "email": f"{uuid4().hex}@example.com"})
    least = await _least_enrolment(api)
    contact = await api.made("contacts", {"last_name": "Example"})
    return [
        {**least, "note": "Zebra", "deal_id": deal["id"], "ends_on_reply": False},
        {**least, "note": "Zebra", "contact_id": contact["id"], "deal_id": deal["id"]},
        {**await _least_enrolment(api), "note": "Met at the fair."},
        {**await _least_enrolment(api), "note": "met at the fair."},
        {**await _least_enrolment(api), "deal_id": deal["id"]},
        {**await _least_enrolment(api), "sender_id": user["id"]},
        {**await _least_enrolment(api), "next_at": "2098-01-01T09:00:00Z"},
        {**await _least_enrolment(api), "note": "Zebra", "sender_id": user["id"]},
    ]


async def _message(api: Api, given: Body) -> Body:
    """One that came in by mail and was said to be a contact's."""
    made = await api.made("channels", _mail_channel())
    raw = f"From: {uuid4().hex}@example.org\r\nTo: {made['addresses'][0]}\r\n\r\nHello"
    sent = {"content": raw.encode(), "headers": {"Content-Type": "message/rfc822"}}
    answer = await api.post("/v1/inbox/email", **sent)
    assert answer.is_success, answer.text
    path = f"/v1/messages/{answer.json()['id']}"
    contact = given.get("contact_id")
    if contact is None:
        body = {"last_name": "Example", "company_id": given.get("company_id")}
        contact = (await api.made("contacts", body))["id"]
    assigned = await api.post(f"{path}/assign", json={"contact_id": contact})
    assert assigned.is_success, assigned.text
    return assigned.json()


async def _least_sla_policy(api: Api) -> Body:
    del api
    target = {"target": "first_response", "priority": "high", "minutes": 60}
    return {"name": "Standard", "targets": [target]}


async def _varied_sla_policies(api: Api) -> list[Body]:
    least = await _least_sla_policy(api)
    calendar = await api.made("working-calendars", await _least_calendar(api))
    return [
        {**least, "position": 1, "calendar_id": calendar["id"]},
        {**least, "name": "standard", "filter": {"priority": {"eq": "urgent"}}},
        {**least, "name": "Ämter", "is_active": False},
        {**least, "name": "Стандарт", "escalations": [{"percent": 75}]},
        {**least, "name": "Zebra", "description": "For large customers"},
    ]


async def _least_project(api: Api) -> Body:
    del api
    return {"name": "New office"}


async def _varied_projects(api: Api) -> list[Body]:
    least = await _least_project(api)
    company = await api.made("companies", {"name": "Example Industries"})
    deal = await api.made("deals", {"name": "New office"})
    order = await api.made("orders", await _least_order(api))
    calendar = await api.made("working-calendars", await _least_calendar(api))
    return [
        {**least, "company_id": company["id"], "revenue": "1200.00", "starts_on": "2031-06-30"},
        {**least, "name": "new office", "company_id": company["id"], "cost_budget": "900.00"},
        {**least, "name": "Новый офис", "deal_id": deal["id"], "currency": "USD"},
        {**least, "name": "Ämter", "starts_on": "2031-06-30", "tags": ["large"]},
        {**least, "name": "Zebra", "revenue": "1200.00", "order_id": order["id"]},
        {**least, "name": "Zebra", "source": "Fair", "calendar_id": calendar["id"]},
    ]


async def _least_project_task(api: Api) -> Body:
    project = await api.made("projects", await _least_project(api))
    return {"name": "Lay the cables", "project_id": project["id"]}


async def _varied_project_tasks(api: Api) -> list[Body]:
    least = await _least_project_task(api)
    first = await api.made("project-tasks", least)
    phase = await api.made("project-tasks", {**least, "name": "On site", "kind": "phase"})
    calendar = await api.made("working-calendars", await _least_calendar(api))
    day = {"constraint_kind": "snet", "constraint_at": "2031-06-30T09:00:00Z"}
    link = {"task_id": first["id"], "kind": "ss", "lag": 60}
    share = {"kind": "milestone", "billing_percent": "30"}
    return [
        {**least, "minutes": 960, "parent_id": phase["id"], "percent": 50, **day},
        {**least, "name": "lay the cables", "dependencies": [link], "position": 1},
        {**least, "name": "Прокладка", "role": "Electrician", "estimate_minutes": 600},
        {**least, "name": "Ämter", **share, "key": "handover"},
        {**least, "name": "Zebra", "checklist": [{"key": "drawn", "title": "It is drawn"}]},
        {**least, "name": "Zebra", "minutes": 960, "calendar_id": calendar["id"]},
    ]


async def _least_activity(api: Api) -> Body:
    company = await api.made("companies", {"name": "Example"})
    return {
        "kind": "call",
        "subject": "Call about the offer",
        "status": "planned",
        "company_id": company["id"],
    }


async def _varied_activities(api: Api) -> list[Body]:
    least = await _least_activity(api)
    contact = await api.made("contacts", {"last_name": "Example"})
    deal = await api.made("deals", {"name": "Chairs"})
    team = await api.made("teams", {"name": "Field"})
    link = {"target": "contact", "record_id": contact["id"], "role": "participant"}
    times = {"starts_at": "2031-06-30T09:00:00Z", "ended_at": "2031-06-30T09:30:00Z"}
    return [
        {**least, **times, "contact_id": contact["id"], "direction": "outbound"},
        {**least, "subject": "call about the offer", "deal_id": deal["id"], "links": [link]},
        {**least, "subject": "Звонок", "outcome": "reached", "sentiment": "positive"},
        {**least, "kind": "note", "subject": "Ämter", "body": "An example.", "tags": ["large"]},
        {**least, **times, "subject": "Zebra", "channel": "phone", "team_id": team["id"]},
        {**least, "subject": "Zebra", "duration": 60, "is_billable": True},
    ]


async def _least_task(_: Api) -> Body:
    return {"subject": "Send the offer"}


async def _varied_tasks(api: Api) -> list[Body]:
    least = await _least_task(api)
    company = await api.made("companies", {"name": "Example"})
    contact = await api.made("contacts", {"last_name": "Example"})
    deal = await api.made("deals", {"name": "Chairs"})
    team = await api.made("teams", {"name": "Field"})
    first = await api.made("tasks", least)
    link = {"target": "deal", "record_id": deal["id"], "role": "about"}
    moment = {"due_at": "2031-06-30T09:00:00Z", "time_zone": "Europe/Berlin"}
    return [
        {**least, **moment, "contact_id": contact["id"], "recurrence": "FREQ=WEEKLY"},
        {**least, "subject": "send the offer", "deal_id": deal["id"], "links": [link]},
        {**least, "subject": "Отправить", "due_on": "2031-06-30", "priority": "high"},
        {**least, "subject": "Ämter", "description": "An example.", "tags": ["large"]},
        {**least, **moment, "subject": "Zebra", "depends_on": [first["id"]]},
        {
            **least,
            "subject": "Zebra",
            "company_id": company["id"],
            "team_id": team["id"],
            "checklist": [{"key": "drawn", "title": "It is drawn"}],
            "estimate_minutes": 60,
        },
    ]


async def _least_deliverable(api: Api) -> Body:
    project = await api.made("projects", await _least_project(api))
    return {"name": "Training", "project_id": project["id"]}


async def _varied_deliverables(api: Api) -> list[Body]:
    least = await _least_deliverable(api)
    milestone = {"name": "Handover", "project_id": least["project_id"], "kind": "milestone"}
    made = await api.made("project-tasks", milestone)
    return [
        {**least, "milestone_id": made["id"], "quantity": "2", "due_on": "2031-06-30"},
        {**least, "name": "training", "quantity": "2.5", "is_mandatory": False},
        {**least, "name": "Обучение", "due_on": "2031-06-30"},
        {**least, "name": "Ämter", "description": "An example."},
        {**least, "name": "Zebra", "milestone_id": made["id"]},
        {**least, "name": "Zebra", "description": "An example."},
    ]


async def _least_time_entry(api: Api) -> Body:
    project = await api.made("projects", await _least_project(api))
    return {"project_id": project["id"], "day": "2026-03-02", "minutes": 90}


async def _varied_time_entries(api: Api) -> list[Body]:
    least = await _least_time_entry(api)
    task = {"name": "Lay the cables", "project_id": least["project_id"]}
    made = await api.made("project-tasks", task)
    return [
        {**least, "task_id": made["id"], "rate": "90.00", "note": "Drawn"},
        {**least, "task_id": made["id"], "cost_rate": "60.00", "minutes": 30},
        {**least, "note": "drawn", "is_billable": False},
        {**least, "note": "Чертёж", "rate": "90.00"},
        {**least, "day": "2026-03-03", "minutes": 30},
        {**least, "day": "2026-03-03", "cost_rate": "60.00"},
    ]


async def _least_commitment(api: Api) -> Body:
    del api
    return {"text": "Send the plan"}


async def _varied_commitments(api: Api) -> list[Body]:
    least = await _least_commitment(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    deal = await api.made("deals", await _least_deal(api))
    order = await api.made("orders", await _least_order(api))
    project = await api.made("projects", {"name": "New office"})
    return [
        {**least, "company_id": company["id"], "due_on": "2031-01-31", "department": "sales"},
        {**least, "text": "send the plan", "due_at": "2031-01-31T12:00:00Z", "tags": ["large"]},
        {**least, "text": "Показать план", "contact_id": contact["id"], "promised_by": "customer"},
        {**least, "text": "Ämter fragen", "order_id": order["id"], "description": "An example."},
        {**least, "text": "Zebra", "deal_id": deal["id"], "project_id": project["id"]},
        {**least, "text": "Zebra", "source_target": "deal", "source_id": deal["id"]},
    ]


async def _least_resource(api: Api) -> Body:
    del api
    return {"name": "Meeting room", "kind": "room"}


async def _varied_resources(api: Api) -> list[Body]:
    least = await _least_resource(api)
    calendar = await api.made("working-calendars", await _least_calendar(api))
    user = await api.made("users", await _least_user(api))
    return [
        {**least, "calendar_id": calendar["id"], "location": "Third floor"},
        {**least, "name": "meeting room", "status": "inactive", "location": "third floor"},
        {**least, "name": "Person", "kind": "person", "user_id": user["id"]},
        {**least, "name": "Зал", "capacity": 12, "attributes": {"floor": "3"}},
        {**least, "name": "Ämterraum", "skills": [{"skill": "Welding", "level": 3}]},
        {**least, "name": "Zebra", "cost_per_hour": "60.00", "time_zone": "Europe/Berlin"},
    ]


async def _least_pool(api: Api) -> Body:
    del api
    return {"name": "Consultants"}


async def _varied_pools(api: Api) -> list[Body]:
    hall = await api.made("resources", await _least_resource(api))
    members = [{"resource_id": hall["id"], "weight": 2}]
    names = ("Consultants", "consultants", "Залы", "Ämter", "Zebra", "Zebra")
    return [
        {"name": name, "members": members[place:], "description": [None, "An example."][place % 2]}
        for place, name in enumerate(names)
    ]


async def _least_booking_type(api: Api) -> Body:
    del api
    return {
        "name": "Consultation",
        "key": f"type-{uuid4().hex}",
        "requirements": [{"kind": "person"}],
    }


async def _varied_booking_types(api: Api) -> list[Body]:
    least = await _least_booking_type(api)
    calendar = await api.made("working-calendars", await _least_calendar(api))
    pool = await api.made("resource-pools", await _least_pool(api))
    bodies: list[Body] = [
        {"calendar_id": calendar["id"], "price": "60.00", "currency": "EUR"},
        {"name": "consultation", "status": "inactive", "description": "An example."},
        {"name": "Показ", "most_per_day": 3, "time_zone": "Europe/Berlin"},
        {"name": "Ämtertermin", "durations": [45, 90], "hold_minutes": 15},
        {"name": "Zebra", "requirements": [{"pool_id": pool["id"], "quantity": 2}]},
        {"name": "Zebra", "assignment": "collective", "cancellation_notice": 1440},
    ]
    return [{**least, "key": f"type-{uuid4().hex}", **body} for body in bodies]


async def _least_booking(api: Api) -> Body:
    # So large that the same body can be sent many times.
    hall = await api.made("resources", {**await _least_resource(api), "capacity": 10_000})
    times = {"starts_at": "2031-03-03T09:00:00Z", "ends_at": "2031-03-03T10:00:00Z"}
    return {"title": "Site visit", **times, "resources": [{"resource_id": hall["id"]}]}


async def _offer_halls(api: Api, kind: Body) -> None:
    # What the least booking takes, when it does.
    needed = [{"kind": "room"}]
    body = {"requirements": needed, "durations": [60], "horizon_days": 3660}
    await api.changed(f"booking-types/{kind['id']}", body)


async def _varied_bookings(api: Api) -> list[Body]:
    least = await _least_booking(api)
    kind = await api.made("booking-types", await _least_booking_type(api))
    await _offer_halls(api, kind)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    deal = await api.made("deals", await _least_deal(api))
    project = await api.made("projects", {"name": "New office"})
    case = await api.made("cases", await _least_case(api))
    return [
        {**least, "company_id": company["id"], "hold_expires_at": "2031-01-31T12:00:00Z"},
        {**least, "title": "site visit", "contact_id": contact["id"], "buffer_before": 15},
        {**least, "title": "Показ", "deal_id": deal["id"], "description": "An example."},
        {**least, "title": "Ämtertermin", "ends_at": "2031-03-03T12:00:00Z", "case_id": case["id"]},
        {**least, "title": "Zebra", "project_id": project["id"], "buffer_after": 15},
        {**least, "title": "Zebra", "starts_at": "2031-03-03T08:00:00Z", "case_id": case["id"]},
        {**least, "booking_type_id": kind["id"]},
        {**least, "booking_type_id": kind["id"], "description": "An example."},
    ]


async def _least_series(api: Api) -> Body:
    hall = await api.made("resources", {**await _least_resource(api), "capacity": 10_000})
    return {
        "title": "Weekly meeting",
        "rule": "FREQ=WEEKLY;COUNT=2",
        "starts_local": "2031-03-03T09:00",
        "duration_minutes": 60,
        "resources": [{"resource_id": hall["id"]}],
    }


async def _varied_series(api: Api) -> list[Body]:
    least = await _least_series(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    deal = await api.made("deals", await _least_deal(api))
    project = await api.made("projects", {"name": "New office"})
    return [
        {**least, "company_id": company["id"], "time_zone": "Europe/Berlin"},
        {**least, "title": "weekly meeting", "contact_id": contact["id"], "buffer_before": 15},
        {**least, "title": "Показ", "deal_id": deal["id"], "description": "An example."},
        {**least, "title": "Ämtertermin", "rule": "FREQ=DAILY;UNTIL=20310305T090000Z"},
        {**least, "title": "Zebra", "project_id": project["id"], "buffer_after": 15},
        {**least, "title": "Zebra", "on_conflict": "skip", "starts_local": "2031-03-04T09:00"},
    ]


async def _least_waitlist_entry(api: Api) -> Body:
    # Of what takes no bookings nothing is offered, so the record changes by nobody else.
    hall = await api.made("resources", {**await _least_resource(api), "status": "inactive"})
    return {
        "title": "Site visit",
        "window_starts_at": "2031-03-03T09:00:00Z",
        "window_ends_at": "2031-03-05T09:00:00Z",
        "duration_minutes": 60,
        "resources": [{"resource_id": hall["id"]}],
    }


async def _varied_waitlist_entries(api: Api) -> list[Body]:
    least = await _least_waitlist_entry(api)
    company = await api.made("companies", {"name": "Example Industries"})
    contact = await api.made("contacts", {"last_name": "Person"})
    deal = await api.made("deals", await _least_deal(api))
    return [
        {**least, "company_id": company["id"], "priority": 5},
        {**least, "title": "site visit", "contact_id": contact["id"], "offer_minutes": 15},
        {**least, "title": "Показ", "deal_id": deal["id"], "description": "An example."},
        {**least, "title": "Ämtertermin", "window_ends_at": "2031-03-03T12:00:00Z"},
        {**least, "title": "Zebra", "match": "any"},
        {**least, "title": "Zebra", "window_starts_at": "2031-03-03T08:00:00Z"},
    ]


async def _least_expense(api: Api) -> Body:
    project = await api.made("projects", await _least_project(api))
    return {"project_id": project["id"], "day": "2026-03-02", "amount": "90.00"}


async def _varied_expenses(api: Api) -> list[Body]:
    least = await _least_expense(api)
    task = {"name": "Lay the cables", "project_id": least["project_id"]}
    made = await api.made("project-tasks", task)
    return [
        {**least, "task_id": made["id"], "kind": "travel", "note": "By train"},
        {**least, "task_id": made["id"], "amount": "12.50"},
        {**least, "note": "by train", "is_billable": True},
        {**least, "note": "Поезд", "kind": "material"},
        {**least, "day": "2026-03-03", "amount": "12.50"},
        {**least, "day": "2026-03-03"},
    ]


async def _least_delivery_link(api: Api) -> Body:
    project = await api.made("projects", await _least_project(api))
    return {"project_id": project["id"]}


async def _varied_delivery_links(api: Api) -> list[Body]:
    first, second = await _least_delivery_link(api), await _least_delivery_link(api)
    contact = await api.made("contacts", {"last_name": "Person"})
    ends = {"expires_at": "2031-01-01T00:00:00Z"}
    return [
        {**first, **ends, "label": "Site", "contact_id": contact["id"]},
        {**first, **ends, "label": "site"},
        {**second, "label": "Ämter", "expires_at": "2032-06-30T12:00:00Z"},
        {**second, "label": "Объект", "contact_id": contact["id"]},
        {**second, **ends},
        {**first, "label": "Zebra"},
    ]


async def _least_booking_page(api: Api) -> Body:
    return {
        "booking_type_id": (await api.made("booking-types", await _least_booking_type(api)))["id"]
    }


async def _varied_booking_pages(api: Api) -> list[Body]:
    return await _varied_links(api, [await _least_booking_page(api) for _ in range(2)])


async def _least_booking_link(api: Api) -> Body:
    return {"booking_id": (await api.made("bookings", await _least_booking(api)))["id"]}


async def _varied_booking_links(api: Api) -> list[Body]:
    return await _varied_links(api, [await _least_booking_link(api) for _ in range(2)])


async def _varied_links(api: Api, opened: list[Body]) -> list[Body]:
    first, second = opened
    contact = await api.made("contacts", {"last_name": "Person"})
    ends = {"expires_at": "2031-01-01T00:00:00Z"}
    return [
        {**first, **ends, "label": "Mail", "contact_id": contact["id"]},
        {**first, **ends, "label": "mail"},
        {**second, "label": "Ämter", "expires_at": "2032-06-30T12:00:00Z"},
        {**second, "label": "Письмо", "contact_id": contact["id"]},
        {**second, **ends},
        {**first, "label": "Zebra"},
    ]


async def _least_lead(api: Api) -> Body:
    del api
    return {"last_name": "Person"}


async def _then_leads(api: Api, leads: list[Body]) -> list[Body]:
    """One is converted, after somebody else has had it."""
    id, user = leads[4]["id"], await api.made("users", await _least_user(api))
    for verb, body in (("assign", {"user_id": user["id"]}), ("convert", {"deal": {}})):
        assert (await api.post(f"/v1/leads/{id}/{verb}", json=body)).status_code == 200
    return [*leads[:4], await api.read(f"leads/{id}"), *leads[5:]]


async def _varied_leads(api: Api) -> list[Body]:
    user = await api.made("users", await _least_user(api))
    company = await api.made("companies", {"name": "Example Industries"})
    address = f"person-{uuid4().hex[:12]}@example.com"
    known = {"last_name": "Person", "email": address, "company_id": company["id"]}
    await api.made("contacts", known)
    return [
        {"last_name": "Person", "email": address, "campaign": "Spring"},
        {"last_name": "person", "country": "DE", "industry": "bank", "employees": 12},
        {"first_name": "Пример", "campaign": "spring", "utm": {"source": "newsletter"}},
        {"company_name": "Ämter", "fit_score": 40, "engagement_score": 80, "medium": "cpc"},
        {
            "last_name": "Zebra",
            "owner_id": user["id"],
            "description": "An example.",
            "company_name": "Example",
        },
        {"last_name": "Zebra", "region": "Bayern", "postal_code": "80331"},
    ]


async def _least_lead_pool(api: Api) -> Body:
    del api
    return {"name": "Inside sales"}


async def _varied_lead_pools(api: Api) -> list[Body]:
    calendar = await api.made("working-calendars", await _least_calendar(api))
    user = await api.made("users", await _least_user(api))
    other = await api.made("lead-pools", {"name": "Others"})
    return [
        {"name": "Inside sales", "calendar_id": calendar["id"], "response_minutes": 60},
        {"name": "inside sales", "members": [{"user_id": user["id"], "weight": 3}]},
        {"name": "Продажи", "manager_id": user["id"], "description": "An example."},
        {"name": "Ämter", "strategy": "least_loaded", "fallback_pool_id": other["id"]},
        {"name": "Zebra", "is_active": False},
        {"name": "Zebra", "max_hops": 0},
    ]


async def _least_lead_rule(api: Api) -> Body:
    # Of no lead: what tests of everything capture stays as it is.
    pool = await api.made("lead-pools", await _least_lead_pool(api))
    return {"name": "Banks", "pool_id": pool["id"], "is_active": False}


async def _varied_lead_rules(api: Api) -> list[Body]:
    least = await _least_lead_rule(api)
    user = await api.made("users", await _least_user(api))
    by_user = {"is_active": False, "target": "user", "user_id": user["id"]}
    return [
        {**least, "filter": {"industry": {"eq": "bank"}}, "position": 2},
        {**least, "name": "banks", "description": "An example."},
        {**by_user, "name": "Банки", "position": 2},
        {"name": "Ämter", "target": "existing_owner", "is_active": False, "response_minutes": 30},
        {**by_user, "name": "Zebra"},
        {**least, "name": "Zebra"},
    ]


async def _least_territory(api: Api) -> Body:
    del api
    return {"name": "Bavaria"}


async def _varied_territories(api: Api) -> list[Body]:
    pool = await api.made("lead-pools", await _least_lead_pool(api))
    user = await api.made("users", await _least_user(api))
    parent = await api.made("territories", {"name": "Germany", "countries": ["DE"]})
    company = await api.made("companies", {"name": "Example Industries"})
    codes = {"postal_ranges": [{"first": "80", "last": "85"}], "postal_prefixes": ["97"]}
    below = {"parent_id": parent["id"]}
    return [
        {"name": "Bavaria", "description": "An example.", **below, **codes, "position": 2},
        {"name": "bavaria", **below, "pool_id": pool["id"], "regions": ["Bayern"]},
        {"name": "Бавария", "pool_id": pool["id"], "industries": ["bank"], "position": 2},
        {"name": "Ämter", "user_id": user["id"], "company_ids": [company["id"]]},
        {"name": "Zebra", "user_id": user["id"], "is_active": False},
        {"name": "Zebra"},
    ]


async def _least_lead_score_rule(api: Api) -> Body:
    del api
    # Not active, as those above.
    return {
        "name": "Large company",
        "category": "fit",
        "points": 20,
        "is_active": False,
        "filter": {"employees": {"gte": 1000}},
    }


async def _varied_lead_score_rules(api: Api) -> list[Body]:
    least = await _least_lead_score_rule(api)
    return [
        {**least, "description": "An example."},
        {**least, "name": "large company", "category": "engagement"},
        {**least, "name": "Компания", "points": -20},
        {**least, "name": "Ämter", "filter": {}, "description": "An example."},
        {**least, "name": "Zebra", "points": -20},
        {**least, "name": "Zebra"},
    ]


async def _least_lead_score_model(api: Api) -> Body:
    del api
    return {"name": "Leads of two years", "kind": "logistic"}


async def _varied_lead_score_models(api: Api) -> list[Body]:
    least = await _least_lead_score_model(api)
    return [
        {**least, "description": "An example."},
        {**least, "name": "leads of a year", "window_days": 365},
        {**least, "name": "Модель", "kind": "naive_bayes"},
        {**least, "name": "Ämter", "stale_days": None, "description": "An example."},
        {**least, "name": "Zebra", "window_days": 365},
        {**least, "name": "Zebra"},
    ]


async def _least_lead_form(api: Api) -> Body:
    del api
    return {"name": "Contact us", "title": "Ask for an offer"}


async def _varied_lead_forms(api: Api) -> list[Body]:
    least = await _least_lead_form(api)
    words = {"name": "Offers", "purpose": "newsletter", "body": "Yes, write to me."}
    text = await api.made("consent-texts", words)
    asked = [{"key": "company_name", "is_required": True, "labels": {"en": "Your company"}}]
    return [
        {**least, "description": "An example.", "consents": [{"text_id": text["id"]}]},
        {**least, "name": "contact us", "fields": asked, "campaign": "Spring"},
        {**least, "name": "Заявка", "title": "Заявка", "language": "ru", "medium": "cpc"},
        {**least, "name": "Ämter", "double_opt_in": True, "thank_you": "Thank you."},
        {**least, "name": "Zebra", "status": "closed", "campaign": "spring"},
        {**least, "name": "Zebra", "redirect_url": "https://example.com/thanks"},
    ]


async def _least_prospect_list(api: Api) -> Body:
    del api
    return {"name": "Trade fair"}


async def _then_prospect_lists(api: Api, lists: list[Body]) -> list[Body]:
    """Two are shared out over a pool, and one goes on in its parts."""
    pool = await api.made("lead-pools", await _least_lead_pool(api))
    leads = [await api.made("leads", await _least_lead(api)) for _ in range(2)]
    paths = [f"/v1/prospect-lists/{one['id']}" for one in lists]
    for path in paths[3:5]:
        answer = await api.post(f"{path}/distribute", json={"pool_id": pool["id"]})
        assert answer.status_code == 202, answer.text
    body = {"lead_ids": [lead["id"] for lead in leads]}
    assert (await api.post(f"{paths[2]}/members", json=body)).status_code == 200
    answer = await api.post(f"{paths[2]}/split", json={"by": "count", "count": 1})
    assert answer.status_code == 201, answer.text
    changed = [await api.read(path.removeprefix("/v1/")) for path in paths[2:5]]
    return [*lists[:2], *changed, *lists[5:], *answer.json()["data"]]


async def _varied_prospect_lists(api: Api) -> list[Body]:
    del api
    return [
        {"name": "Trade fair", "consent_basis": "consent", "origin": "Fair"},
        {"name": "trade fair", "cost": "120.00", "currency": "EUR"},
        {"name": "Выставка", "description": "An example."},
        {"name": "Ämter", "cost": "120.00", "currency": "USD", "origin": "fair"},
        {"name": "Zebra", "consent_basis": "legitimate_interest"},
        {"name": "Zebra"},
    ]


async def _least_campaign(api: Api) -> Body:
    del api
    return {"name": "Spring offers"}


async def _varied_campaigns(api: Api) -> list[Body]:
    own = {"level": "programme"}
    parents = [await api.made("campaigns", {"name": one, **own}) for one in ("Year", "Years")]
    segment = await api.made("segments", await _least_segment(api))
    to = {"channel": "email", "purpose": "newsletter"}
    split = [{"key": "A", "weight": 1}, {"key": "B", "weight": 3}]
    return [
        {"name": "Spring offers", "description": "An example.", "parent_id": parents[0]["id"]},
        {"name": "spring offers", **to, "include_segment_ids": [segment["id"]]},
        {"name": "Ämter", "kind": "event", "starts_on": "2027-03-01", "ends_on": "2027-03-02"},
        {"name": "Щука", "parent_id": parents[1]["id"], "holdout_percent": 10, "variants": split},
        {"name": "Zebra", **to, "exclude_segment_ids": [segment["id"]], "currency": "EUR"},
        {"name": "Zebra", **own, "objective": "Sales", "hypothesis": "Spring sells."},
    ]


async def _least_mailing(api: Api) -> Body:
    del api
    return {"name": "News", "purpose": "newsletter"}


async def _varied_mailings(api: Api) -> list[Body]:
    own = [f"{uuid4().hex}@example.com" for _ in range(2)]
    channels = [await api.made("channels", {"name": "News", "addresses": [one]}) for one in own]
    above = [await api.made("campaigns", {"name": one}) for one in ("Spring", "Summer")]
    said = {"subject": "Hello {{ contact.first_name }}", "text": "See {{ organization.name }}."}
    least = {"purpose": "newsletter"}
    return [
        {**least, "name": "News", "description": "An example.", "contents": [said]},
        {**least, "name": "news", "channel_id": channels[0]["id"], "campaign_id": above[0]["id"]},
        {"name": "Ämter", "purpose": "offers", "is_ongoing": True},
        {
            **least,
            "name": "Щука",
            "channel_id": channels[1]["id"],
            "campaign_id": above[0]["id"],
            "tracks_opens": False,
        },
        {**least, "name": "Zebra", "campaign_id": above[1]["id"], "tracks_clicks": False},
        {**least, "name": "Zebra", "contents": [{**said, "language": "de", "html": "<p>Hi</p>"}]},
    ]


async def _least_marketing_plan(api: Api) -> Body:
    del api
    return {"name": "Year 2027", "starts_on": "2027-01-01", "ends_on": "2027-12-31"}


async def _varied_marketing_plans(api: Api) -> list[Body]:
    least = await _least_marketing_plan(api)
    return [
        {**least, "goal": "Sales", "description": "An example."},
        {**least, "name": "year 2027", "currency": "USD"},
        {**least, "name": "Ämter", "ends_on": "2027-06-30"},
        {**least, "name": "Щука", "starts_on": "2027-02-01", "goal": "sales"},
        {**least, "name": "Zebra"},
        {**least, "name": "Zebra", "description": "Another example."},
    ]


async def _least_budget_line(api: Api) -> Body:
    plan = await api.made("marketing-plans", await _least_marketing_plan(api))
    own = {"campaign_id": (await api.made("campaigns", await _least_campaign(api)))["id"]}
    return {
        "plan_id": plan["id"],
        **own,
        "channel": "ads",
        "month": "2027-03-01",
        "planned": "90.00",
    }


async def _varied_budget_lines(api: Api) -> list[Body]:
    least, other = await _least_budget_line(api), await _least_budget_line(api)
    own = {"plan_id": least["plan_id"]}
    return [
        {**least, "note": "An example."},
        {**least, "month": "2027-04-01", "planned": "12.50"},
        {**other, "note": "an example."},
        {**other, "channel": "email", "note": "Пример"},
        {**own, "channel": "print", "month": "2027-03-01", "planned": "12.50"},
        {**own, "channel": "web", "month": "2027-04-01", "planned": "0.00", "note": "Ämter"},
    ]


async def _least_marketing_commitment(api: Api) -> Body:
    plan = await api.made("marketing-plans", await _least_marketing_plan(api))
    own = {"vendor": "Example Ads", "amount": "90.00"}
    return {"plan_id": plan["id"], "channel": "ads", "due_on": "2027-03-15", **own}


async def _varied_marketing_commitments(api: Api) -> list[Body]:
    least, other = await _least_marketing_commitment(api), await _least_marketing_commitment(api)
    first, second = [await api.made("campaigns", await _least_campaign(api)) for _ in range(2)]
    return [
        {**least, "note": "An example.", "campaign_id": first["id"], "document": "A-1"},
        {**least, "vendor": "example ads", "amount": "12.50", "campaign_id": second["id"]},
        {**least, "vendor": "Ämter", "due_on": "2027-04-15"},
        {**other, "vendor": "Щука", "channel": "email", "document": "a-1"},
        {**other, "vendor": "Zebra"},
        {**other, "vendor": "Zebra", "note": "an example."},
    ]


async def _least_campaign_cost(api: Api) -> Body:
    campaign = await api.made("campaigns", await _least_campaign(api))
    own = {"spent_on": "2026-03-20", "amount": "90.00"}
    return {"campaign_id": campaign["id"], "channel": "ads", **own}


async def _varied_campaign_costs(api: Api) -> list[Body]:
    least, other = await _least_campaign_cost(api), await _least_campaign_cost(api)
    ordered = [
        await api.made("marketing-commitments", await _least_marketing_commitment(api))
        for _ in range(2)
    ]
    of = [{"plan_id": one["plan_id"], "commitment_id": one["id"]} for one in ordered]
    return [
        {**least, "note": "An example.", "document": "A-1"},
        {**least, **of[0], "vendor": "Example Ads", "amount": "12.50"},
        {**least, **of[1], "vendor": "example ads", "amount": "-12.50"},
        {**other, "vendor": "Щука", "channel": "email", "document": "a-1"},
        {**other, "vendor": "Ämter", "spent_on": "2026-03-21"},
        {**other, **of[0], "vendor": "Zebra", "note": "an example.", "amount": "10.00"},
    ]


async def _least_booking_attendee(api: Api) -> Body:
    booking = await api.made("bookings", await _least_booking(api))
    return {"booking_id": booking["id"], "email": f"{uuid4().hex}@example.com"}


async def _varied_booking_attendees(api: Api) -> list[Body]:
    first, second = await _least_booking_attendee(api), await _least_booking_attendee(api)
    contact = await api.made("contacts", {"last_name": "Person"})
    email = f"{uuid4().hex}@example.com"
    user = await api.made("users", {"name": "Sample Member", "email": email})
    other = {"booking_id": first["booking_id"]}
    return [
        {**first, "name": "Sample Person"},
        {**other, "user_id": user["id"]},
        {**second, "name": "sample person", "role": "optional"},
        {**other, "contact_id": contact["id"], "name": "Ämter"},
        {**other, "email": f"{uuid4().hex}@example.org", "name": "Гость"},
        {**other, "email": f"{uuid4().hex}@example.org", "role": "optional"},
        {**other, "email": f"{uuid4().hex}@example.org", "name": "Zebra"},
    ]


async def _least_case_link(api: Api) -> Body:
    case = await api.made("cases", await _least_case(api))
    return {"case_id": case["id"]}


async def _varied_case_links(api: Api) -> list[Body]:
    return await _varied_links(api, [await _least_case_link(api) for _ in range(2)])


FACTORIES: dict[str, Factory] = {
    "lead_score_rules": Factory(
        _least_lead_score_rule,
        _varied_lead_score_rules,
        {"description": "Changed"},
        "description",
        "name",
        {"points": "many"},
    ),
    "lead_score_models": Factory(
        _least_lead_score_model,
        _varied_lead_score_models,
        {"description": "Changed"},
        "description",
        "name",
        {"window_days": "many"},
    ),
    "leads": Factory(
        _least_lead,
        _varied_leads,
        {"description": "Changed"},
        "description",
        "utm",
        {"employees": "many"},
        then=_then_leads,
        with_owner=frozenset({"status", "assigned_at", "waits_since"}),
    ),
    "lead_forms": Factory(
        _least_lead_form,
        _varied_lead_forms,
        {"description": "Changed"},
        "description",
        "title",
        {"confirm_hours": "many"},
        needed=frozenset({"fields"}),
    ),
    "campaigns": Factory(
        _least_campaign,
        _varied_campaigns,
        {"description": "Changed"},
        "description",
        "name",
        {"holdout_percent": "many"},
        beside={"parent_id": {"level": "tactic"}},
    ),
    "mailings": Factory(
        _least_mailing,
        _varied_mailings,
        {"description": "Changed"},
        "description",
        "name",
        {"is_ongoing": "perhaps"},
    ),
    "marketing_plans": Factory(
        _least_marketing_plan,
        _varied_marketing_plans,
        {"description": "Changed"},
        "description",
        "name",
        {"starts_on": "soon"},
        further=1,
    ),
    "budget_lines": Factory(
        _least_budget_line,
        _varied_budget_lines,
        {"note": "Changed"},
        "note",
        "planned",
        {"planned": "much"},
        further=2,
    ),
    "marketing_commitments": Factory(
        _least_marketing_commitment,
        _varied_marketing_commitments,
        {"note": "Changed"},
        "note",
        "amount",
        {"amount": "much"},
        further=2,
    ),
    "campaign_costs": Factory(
        _least_campaign_cost,
        _varied_campaign_costs,
        {"note": "Changed"},
        "note",
        "amount",
        {"amount": "much"},
        further=3,
        alike={"commitment_id": {"plan_id": "plan_id"}},
    ),
    "prospect_lists": Factory(
        _least_prospect_list,
        _varied_prospect_lists,
        {"description": "Changed"},
        "description",
        "name",
        {"cost": "much"},
        then=_then_prospect_lists,
    ),
    "lead_pools": Factory(
        _least_lead_pool,
        _varied_lead_pools,
        {"description": "Changed"},
        "description",
        "name",
        {"max_hops": "many"},
    ),
    "territories": Factory(
        _least_territory,
        _varied_territories,
        {"description": "Changed"},
        "description",
        "name",
        {"position": "first"},
        beside={"pool_id": {"user_id": None}, "user_id": {"pool_id": None}},
    ),
    "lead_rules": Factory(
        _least_lead_rule,
        _varied_lead_rules,
        {"description": "Changed"},
        "description",
        "name",
        {"position": "first"},
        beside={
            "user_id": {"target": "user", "pool_id": None},
            "response_minutes": {"target": "existing_owner", "pool_id": None},
        },
    ),
    "resources": Factory(
        _least_resource,
        _varied_resources,
        {"description": "Changed"},
        "description",
        "name",
        {"capacity": "many"},
        beside={"user_id": {"kind": "person"}},
    ),
    "resource_pools": Factory(
        _least_pool,
        _varied_pools,
        {"description": "Changed"},
        "description",
        "name",
        {"members": "many"},
    ),
    "booking_types": Factory(
        _least_booking_type,
        _varied_booking_types,
        {"description": "Changed"},
        "description",
        "name",
        {"slot_step": "many"},
        needed=frozenset({"durations"}),
    ),
    "bookings": Factory(
        _least_booking,
        _varied_bookings,
        {"description": "Changed"},
        "description",
        "title",
        {"title": 1},
        further=4,
        first={"booking_type_id": _offer_halls},
    ),
    "booking_series": Factory(
        _least_series,
        _varied_series,
        {"description": "Changed"},
        "description",
        "title",
        {"title": 1},
        further=4,
    ),
    "waitlist_entries": Factory(
        _least_waitlist_entry,
        _varied_waitlist_entries,
        {"description": "Changed"},
        "description",
        "title",
        {"title": 1},
        further=2,
    ),
    "commitments": Factory(
        _least_commitment,
        _varied_commitments,
        {"description": "Changed"},
        "description",
        "text",
        {"due_on": "soon"},
        scopes=("deals:read",),
    ),
    "goals": Factory(
        _least_goal,
        _varied_goals,
        {"description": "Changed"},
        "description",
        "target",
        {"starts_on": "soon"},
    ),
    "preferences": Factory(
        _least_preference,
        _varied_preferences,
        {"valid_to": "2099-12-31"},
        "valid_to",
        "value",
        {"confidence": 101},
        beside={"company_id": {"contact_id": None}},
    ),
    "expectations": Factory(
        _least_expectation,
        _varied_expectations,
        {"due_at": "2099-02-28T12:00:00Z"},
        "due_at",
        "what",
        {"importance": "great"},
    ),
    "contracts": Factory(
        _least_contract,
        _varied_contracts,
        {"description": "Changed"},
        "description",
        "currency",
        {"notice_days": "many"},
    ),
    "change_requests": Factory(
        _least_change,
        _varied_changes,
        {"reason": "Changed"},
        "reason",
        "name",
        {"changes": 1},
        further=3,
        scopes=("prices:read", "products:read", "companies:read"),
    ),
    "orders": Factory(
        _least_order,
        _varied_orders,
        {"name": "Changed"},
        "name",
        "currency",
        {"lines": 1},
        further=3,
        scopes=("prices:read", "products:read", "companies:read"),
    ),
    "sequences": Factory(
        _least_steps,
        _varied_steps,
        {"description": "Changed"},
        "description",
        "purpose",
        {"daily_limit": "many"},
    ),
    "journeys": Factory(
        _least_journey,
        _varied_journeys,
        {"description": "Changed"},
        "description",
        "name",
        {"nodes": "many"},
    ),
    "journey_runs": Factory(
        _least_journey_run,
        _varied_journey_runs,
        {"note": "Changed"},
        "note",
        "journey_id",
        {"note": 7},
        further=2,
        scopes=("contacts:read", "journeys:read"),
    ),
    "sequence_enrolments": Factory(
        _least_enrolment,
        _varied_enrolments,
        {"note": "Changed"},
        "note",
        "ends_on_reply",
        {"next_at": "soon"},
        further=3,
        scopes=("contacts:read", "sequences:read"),
    ),
    "channels": Factory(
        _least_channel,
        _varied_channels,
        {"acknowledgement": "Changed"},
        "acknowledgement",
        "name",
        {"kind": "pigeon"},
        needed=frozenset({"addresses"}),
    ),
    "conversations": Factory(
        _least_conversation,
        _varied_conversations,
        {"tags": ["changed"]},
        "team_id",
        "subject",
        {"subject": 7},
    ),
    "cases": Factory(
        _least_case,
        _varied_cases,
        {"description": "Changed"},
        "description",
        "subject",
        {"priority": "soon"},
        further=2,
        first={"follows_id": _close_case},
        alike={"follows_id": {"company_id": "company_id", "contact_id": "contact_id"}},
    ),
    "sla_policies": Factory(
        _least_sla_policy,
        _varied_sla_policies,
        {"description": "Changed"},
        "description",
        "is_active",
        {"targets": 1},
    ),
    "project_templates": Factory(
        _least_project_template,
        _varied_project_templates,
        {"description": "Changed"},
        "description",
        "is_active",
        {"tasks": 1},
    ),
    "projects": Factory(
        _least_project,
        _varied_projects,
        {"source": "Changed"},
        "source",
        "currency",
        {"revenue": "high"},
        further=3,
    ),
    "project_tasks": Factory(
        _least_project_task,
        _varied_project_tasks,
        {"role": "Changed"},
        "role",
        "minutes",
        {"percent": "half"},
        further=8,
        wants={"parent_id": {"kind": "phase"}},
        alike={"parent_id": {"project_id": "project_id"}},
    ),
    "activities": Factory(
        _least_activity,
        _varied_activities,
        {"outcome": "Changed"},
        "outcome",
        "kind",
        {"duration": "long"},
    ),
    "tasks": Factory(
        _least_task,
        _varied_tasks,
        {"description": "Changed"},
        "description",
        "priority",
        {"due_on": "soon"},
    ),
    "deliverables": Factory(
        _least_deliverable,
        _varied_deliverables,
        {"description": "Changed"},
        "description",
        "quantity",
        {"quantity": "many"},
        further=3,
        wants={"milestone_id": {"kind": "milestone"}},
        alike={"milestone_id": {"project_id": "project_id"}},
    ),
    "time_entries": Factory(
        _least_time_entry,
        _varied_time_entries,
        {"note": "Changed"},
        "note",
        "minutes",
        {"minutes": "long"},
        further=4,
        alike={"task_id": {"project_id": "project_id"}},
    ),
    "expenses": Factory(
        _least_expense,
        _varied_expenses,
        {"note": "Changed"},
        "note",
        "amount",
        {"amount": "much"},
        further=5,
        alike={"task_id": {"project_id": "project_id"}},
    ),
    "booking_pages": Factory(
        _least_booking_page,
        _varied_booking_pages,
        {"label": "Changed"},
        "label",
        "expires_at",
        {"expires_at": "soon"},
    ),
    "booking_links": Factory(
        _least_booking_link,
        _varied_booking_links,
        {"label": "Changed"},
        "label",
        "expires_at",
        {"expires_at": "soon"},
    ),
    "booking_attendees": Factory(
        _least_booking_attendee,
        _varied_booking_attendees,
        {"name": "Changed"},
        "name",
        "role",
        {"role": 7},
        further=4,
    ),
    "case_links": Factory(
        _least_case_link,
        _varied_case_links,
        {"label": "Changed"},
        "label",
        "expires_at",
        {"expires_at": "soon"},
    ),
    "delivery_links": Factory(
        _least_delivery_link,
        _varied_delivery_links,
        {"label": "Changed"},
        "label",
        "expires_at",
        {"expires_at": "soon"},
    ),
    "proposal_recipes": Factory(
        _least_recipe,
        _varied_recipes,
        {"description": "Changed"},
        "description",
        "tiers",
        {"priority": "high"},
        needed=frozenset({"tiers", "sections"}),
    ),
    "quote_links": Factory(
        _least_quote_link,
        _varied_quote_links,
        {"label": "Changed"},
        "label",
        "expires_at",
        {"expires_at": "soon"},
    ),
    "pipelines": Factory(
        _least_pipeline,
        _varied_pipelines,
        {"description": "Changed"},
        "description",
        "graph",
        {"is_default": "yes"},
        further=0,
    ),
    "stages": Factory(
        _least_stage,
        _varied_stages,
        {"rotting_days": 14},
        "rotting_days",
        "probability",
        {"position": "first"},
        further=2,
    ),
    "loss_reasons": Factory(
        _least_loss_reason,
        _varied_loss_reasons,
        {"description": "Changed"},
        "description",
        "position",
        {"position": "first"},
    ),
    "deals": Factory(
        _least_deal,
        _varied_deals,
        {"next_step": "Changed"},
        "next_step",
        "currency",
        {"probability_override": "high"},
        further=3,
    ),
    "deal_contacts": Factory(
        _least_deal_contact,
        _varied_deal_contacts,
        {"note": "Changed"},
        "note",
        "contact_id",
        {"influence": "much"},
    ),
    "quotes": Factory(
        _least_quote,
        _varied_quotes,
        {"name": "Changed"},
        "name",
        "currency",
        {"lines": 1},
        further=3,
        scopes=("prices:read", "products:read", "companies:read"),
    ),
    "clauses": Factory(
        _least_clause,
        _varied_clauses,
        {"description": "Changed"},
        "description",
        "text",
        {"position": "first"},
    ),
    "price_lists": Factory(
        _least_list,
        _varied_lists,
        {"description": "Changed"},
        "description",
        "currency",
        {"priority": "high"},
        beside={"company_id": {"audience": "account"}},
    ),
    "price_rules": Factory(
        _least_price_rule,
        _varied_price_rules,
        {"surcharge": "1.50"},
        "surcharge",
        "method",
        {"tiers": 1},
        further=2,
        needed=frozenset({"tiers"}),
    ),
    "contract_prices": Factory(
        _least_contract_price,
        _varied_contract_prices,
        {"reference": "Changed"},
        "reference",
        "unit_price",
        {"tax_included": "perhaps"},
        further=2,
        beside={"variant_id": {"product_id": None}},
    ),
    "tax_rates": Factory(
        _least_tax_rate,
        _varied_tax_rates,
        {"name": "Changed"},
        "valid_to",
        "rate",
        {"compound": "perhaps"},
        further=2,
    ),
    "promotions": Factory(
        _least_promotion,
        _varied_promotions,
        {"description": "Changed"},
        "description",
        "stacking",
        {"priority": "high"},
    ),
    "coupons": Factory(
        _least_coupon,
        _varied_coupons,
        {"max_redemptions": 7},
        "max_redemptions",
        "is_active",
        {"max_redemptions": "many"},
    ),
    "discount_policies": Factory(
        _least_discount_policy,
        _varied_discount_policies,
        {"max_percent": "7"},
        # Only one is for whoever has no role, so that of several none can be cleared.
        None,
        "max_percent",
        {"name": 1},
    ),
    "approval_policies": Factory(
        _least_policy,
        _varied_policies,
        {"name": "Changed"},
        "description",
        "name",
        {"steps": [1]},
        needed=frozenset({"steps"}),
    ),
    "approval_delegations": Factory(
        _least_delegation,
        _varied_delegations,
        {"reason": "Changed"},
        "reason",
        "delegate_id",
        {"reason": 1},
    ),
    "units": Factory(
        _least_unit, _varied_units, {"name": "Changed"}, "symbol", "ratio", {"decimals": "many"}
    ),
    "product_categories": Factory(
        _least_category,
        _varied_categories,
        {"name": "Changed"},
        "description",
        "position",
        {"attributes": 1},
    ),
    "products": Factory(
        _least_product, _varied_products, {"source": "changed"}, "source", "type", {"needs": 1}
    ),
    "product_variants": Factory(
        _least_variant,
        _varied_variants,
        {"list_price": "20.00"},
        "list_price",
        "status",
        {"options": 1},
        further=1,
    ),
    "bundle_components": Factory(
        _least_component,
        _varied_components,
        {"max_quantity": "20"},
        "max_quantity",
        "quantity",
        {"quantity": 1},
        further=4,
        wants={"product_id": {"type": "bundle"}},
        alike={"variant_id": {"component_id": "product_id"}},
    ),
    "product_relations": Factory(
        _least_relation,
        _varied_relations,
        {"reason": "Changed"},
        "reason",
        "position",
        {"position": "first"},
        further=4,
    ),
    "service_specifications": Factory(
        _least_specification,
        _varied_specifications,
        {"capacity_per_day": 8},
        "capacity_per_day",
        "duration_minutes",
        {"duration_minutes": "long"},
        further=1,
        wants={"product_id": {"type": "service"}},
    ),
    "consent_texts": Factory(
        _least_text, _varied_texts, {"name": "Changed"}, "description", "name", {"body": 1}
    ),
    "suppressions": Factory(
        _least_suppression,
        _varied_suppressions,
        {"note": "Changed"},
        "note",
        "reason",
        {"keep_value": "perhaps"},
        further=3,
    ),
    "guard_rules": Factory(
        _least_guard,
        _varied_guards,
        {"message": "Changed"},
        "message",
        "effect",
        {"most": "often"},
    ),
    "segments": Factory(
        _least_segment,
        _varied_segments,
        {"description": "Changed"},
        "description",
        "name",
        {"is_active": "perhaps"},
    ),
    "subject_requests": Factory(
        _least_request,
        _varied_requests,
        {"note": "Changed"},
        "note",
        "received_through",
        {"note": 1},
        further=1,
    ),
    "legal_holds": Factory(
        _least_hold, _varied_holds, {"reason": "Changed"}, "ends_on", "reason", {"reason": 1}
    ),
    "retention_policies": Factory(
        _least_retention,
        _varied_retention,
        {"name": "Changed"},
        "description",
        "days",
        {"days": "many"},
    ),
    "api_keys": Factory(
        _least_key, _varied_keys, {"name": "Changed"}, "owner_id", "name", {"name": 1}
    ),
    "apps": Factory(
        _least_app,
        _varied_apps,
        {"name": "Changed"},
        "owner_id",
        "name",
        {"redirect_uris": ["not one"]},
        needed=frozenset({"scopes"}),
    ),
    "identity_providers": Factory(
        _least_provider,
        _varied_providers,
        {"name": "Changed"},
        "owner_id",
        "name",
        {"issuer": "http://example.com"},
        needed=frozenset({"email_domains"}),
        sovereign=True,
    ),
    "webhooks": Factory(
        _least_webhook,
        _varied_webhooks,
        {"url": "https://127.0.0.1:9/changed"},
        "description",
        "url",
        {"topics": ["not one"]},
        needed=frozenset({"topics"}),
    ),
    "automations": Factory(
        _least_automation,
        _varied_automations,
        {"name": "Changed"},
        "description",
        "name",
        {"steps": [1]},
    ),
    "users": Factory(
        _least_user, _varied_users, {"name": "Changed"}, "time_zone", "name", {"name": 1}
    ),
    "teams": Factory(
        _least_team, _varied_teams, {"name": "Changed"}, "description", "name", {"name": 1}
    ),
    "team_members": Factory(
        _least_member,
        _varied_members,
        {"is_lead": True},
        "owner_id",
        "is_lead",
        {"is_lead": "perhaps"},
    ),
    "roles": Factory(
        _least_role, _varied_roles, {"name": "Changed"}, "description", "name", {"levels": 1}
    ),
    "role_assignments": Factory(
        _least_assignment,
        _varied_assignments,
        {"reason": "Changed"},
        "reason",
        "role_id",
        {"reason": 1},
    ),
    "comments": Factory(
        _least_comment,
        _varied_comments,
        {"is_pinned": True},
        "owner_id",
        "body",
        {"body": 1},
        alike={"parent_id": {"record_id": "record_id"}},
    ),
    "shares": Factory(
        _least_share,
        _varied_shares,
        {"access": "write"},
        "expires_at",
        "access",
        {"access": "some"},
        further=4,
        scopes=("contacts:write",),
    ),
    "attachments": Factory(
        _least_attachment,
        _varied_attachments,
        {"filename": "changed.txt"},
        "description",
        "filename",
        {"filename": 1},
        further=3,
        scopes=("contacts:write",),
    ),
    "sharing_rules": Factory(
        _least_rule,
        _varied_rules,
        {"name": "Changed"},
        "description",
        "name",
        {"filter": 1},
        further=4,
        scopes=("contacts:write",),
    ),
    "working_calendars": Factory(
        _least_calendar, _varied_calendars, {"name": "Changed"}, "description", "name", {"week": 1}
    ),
    "calendar_exceptions": Factory(
        _least_exception, _varied_exceptions, {"name": "Changed"}, "owner_id", "name", {"hours": 1}
    ),
    "number_sequences": Factory(
        _least_sequence,
        _varied_sequences,
        {"name": "Changed"},
        "owner_id",
        "pattern",
        {"name": 1},
    ),
    "companies": Factory(
        _least_company,
        _varied_companies,
        {"industry": "changed"},
        "industry",
        "name",
        {"employees": "many"},
    ),
    "contacts": Factory(
        _least_contact,
        _varied_contacts,
        {"source": "changed"},
        "source",
        "lifecycle",
        {"emails": "not a list"},
    ),
    "custom_fields": Factory(
        _least_field,
        _varied_fields,
        {"position": 7},
        "description",
        "required",
        {"required": "maybe"},
        needed=frozenset({"options", "default"}),
        further=6,
    ),
    "custom_objects": Factory(
        _least_object,
        _varied_objects,
        {"description": "Changed"},
        "description",
        "label",
        {"label": 1},
        further=6,
    ),
    "employments": Factory(
        _least_employment,
        _varied_employments,
        {"title": "Changed"},
        "title",
        "is_primary",
        {"is_primary": "perhaps"},
    ),
    "contact_relationships": Factory(
        _least_relationship,
        _varied_relationships,
        {"note": "Changed"},
        "note",
        "kind",
        {"strength": "close"},
        further=4,
    ),
    "report_schedules": Factory(
        _least_schedule,
        _varied_schedules,
        {"name": "Changed"},
        "condition",
        "name",
        {"report_id": 5},
        needed=frozenset({"recipients"}),
        further=4,
    ),
    "alerts": Factory(
        _least_alert,
        _varied_alerts,
        {"name": "Changed"},
        "days",
        "name",
        {"metric": 5},
        needed=frozenset({"recipients"}),
        further=4,
    ),
    "dashboards": Factory(
        _least_dashboard,
        _varied_dashboards,
        {"description": "Changed"},
        "description",
        "name",
        {"sharing": 5},
        needed=frozenset({"parameters", "tiles"}),
        further=2,
        scopes=("reports:read", "companies:read"),
    ),
    "reports": Factory(
        _least_report,
        _varied_reports,
        {"description": "Changed"},
        "description",
        "name",
        {"sharing": 5},
        needed=frozenset({"parameters"}),
    ),
    "views": Factory(
        _least_view,
        _varied_views,
        {"name": "Changed"},
        "owner_id",
        "name",
        {"is_pinned": "perhaps"},
    ),
}

KINDS = tuple(Kind(service) for service in SERVICES if service.plural in FACTORIES)


async def _redemption(api: Api, given: Body) -> Body:
    coupon = await api.made("coupons", await _least_coupon(api))
    body = {**given, "reference": "ORDER-1"}
    answer = await api.post(f"/v1/coupons/{coupon['id']}/redeem", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _assignment(api: Api, given: Body) -> Body:
    user = await api.made("users", await _least_user(api))
    lead_id, body = given["lead_id"], {"user_id": user["id"]}
    answer = await api.post(f"/v1/leads/{lead_id}/assign", json=body)
    if answer.status_code == 409 and answer.json()["code"] == "merged":
        # It was merged meanwhile: whoever is told so goes on with the one that is left.
        lead_id = answer.json()["merged_into"]
        answer = await api.post(f"/v1/leads/{lead_id}/assign", json=body)
    assert answer.status_code == 200, answer.text
    of = {"filter[user_id]": user["id"], "filter[lead_id]": lead_id}
    return (await api.read("lead-assignments", **of))["data"][0]


async def _answer_by_link(api: Api, given: Body, verb: str, body: Body, plural: str) -> Body:
    made = await quote(api)
    await act(api, made["id"], "send")
    path = await link(api, made["id"], **given)
    answer = await api.post(f"{path}/{verb}", json=body)
    assert answer.is_success, answer.text
    return (await api.read(plural, **{"filter[quote_id]": made["id"]}))["data"][0]


async def _decision(api: Api, given: Body) -> Body:
    return await _answer_by_link(api, given, "decline", {"revision": 1}, "quote-decisions")


async def _question(api: Api, given: Body) -> Body:
    return await _answer_by_link(api, given, "questions", {"text": "When?"}, "quote-questions")


async def _tracked(api: Api, given: Body) -> Body:
    contact = given.get("contact_id") or (await api.made("contacts", {"last_name": "Person"}))["id"]
    event = {"name": "page.viewed", "contact_id": contact, "client_id": uuid4().hex}
    answer = await api.post("/v1/events/track", json={"events": [event]})
    assert answer.json()["accepted"] == 1, answer.text
    return await api.read(f"behaviour-events/{answer.json()['data'][0]['id']}")


BY_ACTION: dict[str, tuple[Kind, Callable[[Api, Body], Awaitable[Body]]]] = {
    "behaviour_event": (Kind(BehaviourEventService), _tracked),
    "coupon_redemption": (Kind(CouponRedemptionService), _redemption),
    "lead_assignment": (Kind(LeadAssignmentService), _assignment),
    "message": (Kind(MessageService), _message),
    "quote_decision": (Kind(QuoteDecisionService), _decision),
    "quote_question": (Kind(QuoteQuestionService), _question),
}
"""Collections whose records come from actions; makes one that refers to what it is given."""
