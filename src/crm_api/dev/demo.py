"""A demo organization with a few plainly made-up records."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_api.dev.data_dir import DataDir, DemoKey
from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.schemas import ContactCreate
from crm_api.domains.contacts.service import ContactService
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Unauthenticated
from crm_api.platform.access.rights import Rights
from crm_api.platform.identity.authenticator import Authenticator
from crm_api.platform.identity.models import Organization
from crm_api.platform.identity.service import ApiKeyService

# Fixed, so that the organization is found again without its key.
DEMO_ID = UUID("019a0000-0000-7000-8000-0000000000de")
SOURCE = "demo"

COMPANIES: tuple[dict[str, Any], ...] = (
    {
        "name": "Example Industries",
        "domains": ["industries.example.com"],
        "industry": "manufacturing",
        "lifecycle": "customer",
        "employees": 250,
        "country": "US",
    },
    {
        "name": "Example Bank",
        "domains": ["bank.example.com"],
        "industry": "bank",
        "lifecycle": "prospect",
        "employees": 1200,
        "country": "GB",
    },
    {"name": "Sample Workshop", "domains": ["workshop.example.org"], "country": "DE"},
)
CONTACTS: tuple[tuple[dict[str, Any], str | None], ...] = (
    (
        {
            "first_name": "Sample",
            "last_name": "Buyer",
            "email": "buyer@industries.example.com",
            "phone": "+12015550123",
            "title": "Head of Purchasing",
            "lifecycle": "customer",
        },
        "Example Industries",
    ),
    (
        {
            "first_name": "Sample",
            "last_name": "Engineer",
            "email": "engineer@industries.example.com",
            "title": "Engineer",
            "lifecycle": "customer",
        },
        "Example Industries",
    ),
    (
        {
            "first_name": "Test",
            "last_name": "Banker",
            "email": "banker@bank.example.com",
            "title": "Account Manager",
            "lifecycle": "prospect",
        },
        "Example Bank",
    ),
    (
        {"first_name": "Test", "last_name": "Maker", "email": "maker@workshop.example.org"},
        "Sample Workshop",
    ),
    ({"first_name": "Nobody", "last_name": "Special", "email": "nobody@example.net"}, None),
)


async def open_demo(database: Database, data_dir: DataDir) -> DemoKey:
    """The demo organization, founded if need be, and a key that opens it."""
    kept = data_dir.find_demo_key()
    if kept is not None and await _opens(database, kept):
        return kept
    async with unit_of_work(Tx(database, _system(DEMO_ID))) as tx:
        if not await tx.fetch("SELECT 1 FROM organizations WHERE id = $1", DEMO_ID):
            values = {"id": DEMO_ID, "name": "Demo", "country": "US", "created_at": tx.now}
            tx.insert(Organization, {**values, "time_zone": "UTC", "currency": "USD"})
        made = ApiKeyService(tx).issue("Demo", ["*"])
    key = DemoKey(DEMO_ID, made["token"])
    data_dir.keep_demo_key(key)
    return key


async def seed(database: Database, organization_id: UUID = DEMO_ID) -> dict[str, int]:
    """Make the demo records that are missing; how many of each kind were made."""
    async with unit_of_work(Tx(database, _system(organization_id))) as tx:
        # Two that seed at the same time must not both find nothing.
        await tx.write("SELECT pg_advisory_xact_lock(hashtext($1))", f"seed {organization_id}")
        companies = await _known(tx, "company")
        companies_before = len(companies)
        for number, values in enumerate(COMPANIES, 1):
            external = f"company-{number}"
            if external not in companies:
                given = CompanyCreate.model_validate(_marked(values, external))
                companies[external] = (await CompanyService(tx).create(given)).id
        known = await _known(tx, "contact")
        missing = [n for n in range(1, len(CONTACTS) + 1) if f"contact-{n}" not in known]
        await tx.flush()  # contacts refer to companies that must be there
        for number in missing:
            values, company = CONTACTS[number - 1]
            company_id = companies[_external_of(company)] if company else None
            given = _marked(values | {"company_id": company_id}, f"contact-{number}")
            await ContactService(tx).create(ContactCreate.model_validate(given))
    return {"companies": len(companies) - companies_before, "contacts": len(missing)}


def _system(organization_id: UUID) -> Actor:
    return Actor(organization_id, "system", scopes=frozenset({"*"}))


async def _opens(database: Database, key: DemoKey) -> bool:
    try:
        actor = await Authenticator(database, Rights(database)).authenticate(
            f"Bearer {key.api_key}"
        )
    except Unauthenticated:
        return False
    return actor.organization_id == key.organization_id


def _marked(values: Mapping[str, Any], external_id: str) -> dict[str, Any]:
    return {**values, "source": "Demo data", "external_ids": {SOURCE: external_id}}


async def _known(tx: Tx, entity: str) -> dict[str, UUID]:
    rows: Iterable[Any] = await tx.fetch(
        "SELECT value, record_id FROM record_keys WHERE organization_id = $1 AND entity = $2 "
        "AND kind = 'external' AND value LIKE $3",
        tx.organization_id,
        entity,
        f"{SOURCE}:%",
    )
    return {row["value"].removeprefix(f"{SOURCE}:"): row["record_id"] for row in rows}


def _external_of(company: str) -> str:
    names = [values["name"] for values in COMPANIES]
    return f"company-{names.index(company) + 1}"
