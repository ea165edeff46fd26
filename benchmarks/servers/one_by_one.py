"""The textbook import of a file: row by row, with ORM objects; prints the seconds it took.

python -m benchmarks.servers.one_by_one people.csv
"""

import asyncio
import csv
import os
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from benchmarks.servers.textbook import OWN, ContactIn, create_contact
from crm_api.domains.companies.models import Company
from crm_api.domains.contacts.models import Employment
from crm_api.kit.db.database import async_url
from crm_api.kit.db.tables import RecordKey


class PersonIn(ContactIn):
    """A row; an address without a host is wrong."""

    company: str
    title: str


async def main(rows: Iterable[dict[str, str]]) -> None:
    """Check each, look for duplicates, find or make the company, store."""
    engine = create_async_engine(
        async_url(os.environ["CRM_DATABASE_URL"]),
        # The models parse JSONB themselves.
        json_deserializer=lambda value: value,
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    begun = time.monotonic()
    for row in rows:
        async with sessions() as session:
            await _import(session, row)
    print(time.monotonic() - begun)
    await engine.dispose()


async def _import(session: AsyncSession, row: dict[str, str]) -> None:
    if row["E-mail"].endswith("@"):
        return
    try:
        person = PersonIn(
            first_name=row["First name"],
            last_name=row["Last name"],
            email=row["E-mail"],
            phone=row["Phone"],
            tags=row["Tags"].split(", "),
            company=row["Company"],
            title=row["Title"],
        )
    except ValidationError:
        return
    if await session.scalar(_holder("contact", "email", person.email)):
        return
    name = person.company.lower()
    now = datetime.now(UTC)
    stamps = {"organization_id": OWN, "created_at": now, "updated_at": now}
    company_id = await session.scalar(_holder("company", "name", name))
    if company_id is None:
        company = Company(
            **stamps,
            name=person.company,
            sort_name=name,
            lifecycle="target",
            domains=[],
            tags=[],
            emails=[],
            phones=[],
            addresses=[],
        )
        session.add(company)
        await session.flush()
        company_id = company.id
        session.add(
            RecordKey(
                organization_id=OWN,
                entity="company",
                kind="name",
                value=name,
                record_id=company_id,
            )
        )
    contact = await create_contact(ContactIn.model_validate(person.model_dump()), session)
    contact.company_id, contact.title = company_id, person.title
    session.add(
        Employment(
            **stamps,
            contact_id=contact.id,
            company_id=company_id,
            title=person.title,
            is_primary=True,
        )
    )
    await session.commit()


def _holder(entity: str, kind: str, value: str) -> Select[tuple[UUID]]:
    return select(RecordKey.record_id).where(
        RecordKey.organization_id == OWN,
        RecordKey.entity == entity,
        RecordKey.kind == kind,
        RecordKey.value == value,
    )


if __name__ == "__main__":
    with Path(sys.argv[1]).open(newline="") as people:
        asyncio.run(main(csv.DictReader(people)))
