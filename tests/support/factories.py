"""How to make records of every collection; a new collection needs one entry here."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from crm_api.kit.crud.service import CrudService
from crm_api.kit.query.listing import Listing
from crm_api.registry import MODULES
from support.clients import Api
from support.graph import pascal

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

    async def make(self, api: Api, **more: Any) -> Body:
        """A new record."""
        return await api.made(self.path, {**await self.factory.least(api), **more})

    async def several(self, api: Api) -> list[Body]:
        """Records with equal values and with nulls."""
        return [await api.made(self.path, body) for body in await self.factory.varied(api)]

    def __str__(self) -> str:
        return self.name


async def _least_key(api: Api) -> Body:
    return {"name": "Example", "scopes": ["contacts:read"]}


async def _varied_keys(api: Api) -> list[Body]:
    names: Sequence[str] = ("One", "Two", "Two", "two", "Ä")
    ends = ("2031-01-01T00:00:00Z", None, "2031-01-01T00:00:00Z", None, "2032-06-30T12:00:00Z")
    bodies = zip(names, ends, strict=True)
    return [{"name": n, "scopes": ["*:read"], "expires_at": e} for n, e in bodies]


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
            "restarts": "year" if place % 2 else "never",
            "next_number": place // 2 + 1,
        }
        for place, name in enumerate(names)
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
        {**shared, "sort": ["name"], "owner_id": "01990000-0000-7000-8000-00000000beef"},
        {"name": "Example", "target": "employment"},
        {"name": "Beispiel", "target": "company", "is_default": True},
    ]


FACTORIES: dict[str, Factory] = {
    "api_keys": Factory(
        _least_key, _varied_keys, {"name": "Changed"}, "owner_id", "name", {"name": 1}
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
    "employments": Factory(
        _least_employment,
        _varied_employments,
        {"title": "Changed"},
        "title",
        "is_primary",
        {"is_primary": "perhaps"},
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
