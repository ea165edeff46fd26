"""A great many rows at once: the same rows as by JSON, behind the same walls."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from asyncpg.exceptions import InsufficientPrivilegeError
from sqlalchemy import BigInteger, SmallInteger, Uuid
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.db import copies
from crm_api.kit.db.base import Json, KeyText
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Duplicate, Invalid
from crm_api.kit.money import AmountType
from support.clients import tx_of as new_tx


class Samples(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {UUID: Uuid(), dict[str, Any]: Json()}


class Sample(Samples):
    __tablename__ = "samples"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID | None] = mapped_column(default=uuid4)
    key: Mapped[str | None] = mapped_column(KeyText)
    told: Mapped[str | None] = mapped_column(KeyText, default="untold")
    small: Mapped[int | None] = mapped_column(SmallInteger)
    big: Mapped[int | None] = mapped_column(BigInteger)
    is_so: Mapped[bool | None]
    day: Mapped[date | None]
    at: Mapped[datetime | None] = mapped_column(TIMESTAMP(timezone=True))
    amount: Mapped[Decimal | None] = mapped_column(AmountType)
    data: Mapped[dict[str, Any] | None]
    words: Mapped[str | None] = mapped_column(TSVECTOR)


TABLE = """
    CREATE TABLE samples (
        organization_id uuid, number integer, id uuid, key text COLLATE "C", told text,
        small smallint, big bigint, is_so boolean, day date, at timestamptz, amount bigint,
        data jsonb, words tsvector, PRIMARY KEY (organization_id, number)
    );
    GRANT SELECT, INSERT ON samples TO crm_app;
    ALTER TABLE samples ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON samples USING (true)
        WITH CHECK (organization_id = current_setting('app.organization_id')::uuid);
"""
SAME = {"told": "the same", "small": 7, "data": {"n": 1}, "day": date(2024, 2, 29)}
ODD = 'tab\t, "quote", \\ and\nline: ä ☃ 😀'
ROWS: list[dict[str, Any]] = [
    {"number": 1},
    {"number": 2, "id": UUID(int=2**128 - 1), "told": None},
    {"number": 3, "key": "", "told": r"\N", "words": "'a' 'it''s'"},
    {"number": 4, "key": ODD, "data": {ODD: [ODD, 1.5, None]}},
    {"number": 5, "small": -(2**15), "big": -(2**63), "is_so": False},
    {"number": 6, "small": 2**15 - 1, "big": 2**63 - 1, "is_so": True},
    {"number": -7, "day": date(1850, 1, 1), "at": datetime(1900, 1, 1, tzinfo=UTC)},
    {"number": 8, "day": date(2199, 12, 31), "amount": Decimal("-0.0001")},
    {"number": 9, "at": datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)},
    {"number": 10, "data": {"n": 1}, "amount": Decimal(1)},
    {"number": 11, "data": {"n": True}, "amount": Decimal("1.00")},
    {"number": 12, "key": ODD * 99, "data": {}, "what is no column": 1},
]


@pytest.mark.commits
@pytest.mark.parametrize(
    "rows",
    [ROWS, ROWS[:1], [{"number": n, **SAME} for n in range(3)]],
    ids=["many", "one", "the same"],
)
async def test_copied_rows_are_those_that_json_makes(own_database, rows, monkeypatch):
    await own_database.owner.execute(TABLE)
    found: list[list[Any]] = []
    for enough in (1, 1_000):
        monkeypatch.setattr(copies, "ENOUGH", enough)
        org = await own_database.org()
        async with unit_of_work(new_tx(own_database.database, org)) as tx:
            for row in rows:
                tx.insert(Sample, {"id": UUID(int=1), **row})
        sql = "SELECT to_jsonb(s) - 'organization_id' FROM samples s WHERE organization_id = $1"
        stored = await own_database.owner.fetch(f"{sql} ORDER BY number", org.id)
        found.append([row[0] for row in stored])
    assert len(found[0]) == len(rows)
    assert found[0] == found[1]


@pytest.mark.parametrize("enough", [1, 1_000])
@pytest.mark.parametrize("values", [{"small": 2**15}, {"number": 2**31}, {"key": "a\0b"}])
@pytest.mark.commits
async def test_what_no_column_holds_is_refused(own_database, enough, values, monkeypatch):
    monkeypatch.setattr(copies, "ENOUGH", enough)
    await own_database.owner.execute(TABLE)
    org = await own_database.org()
    with pytest.raises(Invalid) as caught:
        async with unit_of_work(new_tx(own_database.database, org)) as tx:
            tx.insert(Sample, {"number": 1, **values})
    assert caught.value.own_code == "refused_value"


@pytest.mark.commits
async def test_copied_rows_have_their_defaults(own_database, monkeypatch):
    monkeypatch.setattr(copies, "ENOUGH", 1)
    await own_database.owner.execute(TABLE)
    org = await own_database.org()
    async with unit_of_work(new_tx(own_database.database, org)) as tx:
        for number in range(3):
            tx.insert(Sample, {"number": number, "id": None})
    rows = await own_database.owner.fetch("SELECT id, told FROM samples")
    assert len({row["id"] for row in rows} - {None}) == 3
    assert {row["told"] for row in rows} == {"untold"}


async def test_copies_keep_the_wall_between_organizations(tx_of, org, other_org, monkeypatch):
    monkeypatch.setattr(copies, "ENOUGH", 1)
    async with unit_of_work(tx_of(org)) as tx:
        await tx.write("SELECT 1")
        tx.learned.actor = tx_of(other_org).actor
        await CompanyService(tx).create(CompanyCreate(name="Example"))
        with pytest.raises(InsufficientPrivilegeError):
            await tx.flush()
        await tx.abandon()
    async with unit_of_work(tx_of(other_org)) as tx:
        assert await CompanyService(tx).records.by_keys("name", ["example"]) == {}


async def test_a_refused_copy_leaves_nothing_and_the_rest_goes_on(tx_of, org, monkeypatch):
    monkeypatch.setattr(copies, "ENOUGH", 1)
    shape = CompanyCreate(name="Example", external_ids={"crm": "1"})
    async with unit_of_work(tx_of(org)) as tx:
        service = CompanyService(tx)
        kept = await service.create(shape)
        await tx.flush()
        with pytest.raises(Duplicate):
            async with tx.atomic():
                await service.create(shape)
        also = await service.create(CompanyCreate(name="Another"))
    async with unit_of_work(tx_of(org)) as tx:
        found = await CompanyService(tx).records.by_keys("name", ["example", "another"])
    assert found == {"example": [kept.id], "another": [also.id]}


async def test_many_rows_travel_as_copies(tx_of, org, statements):
    many = copies.ENOUGH // 2
    async with statements() as seen, unit_of_work(tx_of(org)) as tx:
        for number in range(many):
            await CompanyService(tx).create(CompanyCreate(name=f"Example {number}"))
    assert [sql for sql in seen.all if "FROM pg_temp" in sql]
    assert not [sql for sql in seen.all if "json_to_recordset" in sql]
    async with unit_of_work(tx_of(org)) as tx:
        assert (await tx.fetch("SELECT count(*) FROM companies"))[0][0] == many
