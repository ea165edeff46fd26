"""Small pieces: scopes, money, the tree of errors, the types of shapes."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.dialects.postgresql.asyncpg import dialect

from crm_api.kit import errors, schema
from crm_api.kit.actor import Actor
from crm_api.kit.db.failures import translate
from crm_api.kit.money import SCALE, AmountType
from crm_api.kit.points import normalised, primary_of

DIALECT = dialect()
amounts = st.decimals(-(10**14), 10**14, places=4, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("held", "asked", "covered"),
    [
        ("*", "contacts:write", True),
        ("*:*", "contacts:write", True),
        ("contacts:*", "contacts:write", True),
        ("contacts:*", "companies:read", False),
        ("contacts:write", "contacts:read", True),
        ("contacts:read", "contacts:write", False),
        ("*:read", "contacts:read", True),
        ("*:read", "contacts:write", False),
        ("*:write", "contacts:read", True),
        ("*:write", "contacts:write", True),
        ("*:write", "contacts:purge", False),
        ("contacts:read", "*", False),
        ("contacts:*", "*", False),
        ("*:read", "*:write", False),
        ("*:write", "*:read", True),
        ("contacts:read", "contacts:*", False),
        ("contacts:write", "contacts:*", False),
        ("", "contacts:read", False),
    ],
)
def test_scopes(held, asked, covered):
    actor = Actor(uuid4(), "key", scopes=frozenset({held}))
    assert actor.covers(asked) is covered
    if not covered:
        with pytest.raises(errors.Forbidden) as caught:
            actor.require(asked)
        assert caught.value.details == {"scope": asked}


@given(amount=amounts)
def test_amounts_are_exact(amount):
    stored = AmountType().process_bind_param(amount, DIALECT)
    assert isinstance(stored, int)
    assert Decimal(stored) / SCALE == amount


@given(amount=st.decimals(-(10**9), 10**9, places=5).filter(lambda d: d != round(d, 4)))
def test_fifth_decimal_is_never_rounded_away(amount):
    with pytest.raises(ValueError, match="at most 4 decimals"):
        AmountType().process_bind_param(amount, DIALECT)


@pytest.mark.parametrize(
    ("given_amount", "shown"),
    [
        ("0", "0.00"),
        ("1", "1.00"),
        ("99.5", "99.50"),
        ("1234.56", "1234.56"),
        ("1234.567", "1234.567"),
        ("0.0001", "0.0001"),
        ("1.5000", "1.50"),
        ("99999999999999.9999", "99999999999999.9999"),
    ],
)
async def test_amounts_read_as_they_were_meant(client, given_amount, shown):
    body = {"name": "Example", "currency": "EUR", "annual_revenue": given_amount}
    made = await client.made("companies", body)
    path = f"companies/{made['id']}"
    assert (await client.read(path))["annual_revenue"] == shown
    assert made["annual_revenue"] == shown
    changed = await client.changed(path, {"source": "changed"})
    assert changed["annual_revenue"] == shown
    (event,) = await client.told(made["id"], 1, types="company.created")
    assert event["data"]["annual_revenue"] == shown
    found = await client.read("companies", **{"filter[annual_revenue]": given_amount})
    assert [row["id"] for row in found["data"]] == [made["id"]]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (schema.Amount, 1.5),
        (schema.Amount, "-1"),
        (schema.Amount, "1.23456"),
        (schema.Amount, "NaN"),
        (schema.Amount, True),
        (schema.Instant, "2026-01-01T00:00:00"),
        (schema.Instant, "1899-12-31T23:59:59Z"),
        (schema.Instant, "2200-01-01T00:00:00Z"),
        (schema.Day, "1899-12-31"),
        (schema.BirthDate, "2150-01-01"),
        (schema.Name, " "),
        (schema.Name, "a\x00"),
        (schema.Name, "\u200b"),
        (schema.Code, "a b"),
        (schema.Country, "Nowhere"),
        (schema.Currency, "EURO"),
        (schema.TimeZone, "../x"),
        (schema.Domain, "a b.com"),
        (schema.Url, "javascript:x"),
        (schema.Tag, "x" * 61),
        (schema.ExternalIds, {"UPPER": "1"}),
        (schema.Custom, {"Not a key": 1}),
    ],
)
def test_shapes_refuse(kind, value):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


def test_shapes_normalise():
    def read(kind, value):
        return TypeAdapter(kind).validate_python(value)

    assert read(schema.Name, "  Mu\u0308ller\u00a0") == "Müller"
    assert read(schema.Country, "Germany") == "DE"
    assert read(schema.Domain, "https://www.Example.com/x") == "example.com"
    assert read(schema.Amount, "1.50") == Decimal("1.50")
    later = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    assert read(schema.Instant, later) == later.astimezone(UTC)


def test_patch_shapes_are_optional_and_keep_what_is_required():
    class ExampleCreate(schema.Create):
        name: schema.Name
        size: int = 1

    update = schema.patch_of("ExampleUpdate", ExampleCreate, required=("size",))
    assert update.model_validate({}).model_fields_set == set()
    assert update.model_validate({"owner_id": None}).model_fields_set == {"owner_id"}
    for body in ({"name": None}, {"size": None}, {"nope": 1}, {"name": ""}):
        with pytest.raises(ValidationError):
            update.model_validate(body)


def point(value, **more):
    return {"value": value, "kind": "work", "primary": False, "status": "ok", **more}


def test_points_have_one_primary():
    emails = normalised([point("A@Example.com"), point("b@example.com")], "emails", None)
    assert [p["primary"] for p in emails] == [True, False]
    assert primary_of(emails) == emails[0]["value"]
    emails = normalised(
        [point("a@example.com"), point("b@example.com", primary=True)], "emails", None
    )
    assert primary_of(emails) == "b@example.com"
    both = [point("a@example.com", primary=True), point("b@example.com", primary=True)]
    with pytest.raises(errors.Invalid):
        normalised(both, "emails", None)
    assert primary_of([]) is None


def test_repeated_points_are_dropped():
    same = [point("a@Example.com"), point("A@example.com", primary=True), point("b@example.com")]
    found = normalised(same, "emails", None)
    assert len(found) == 2
    assert found[0]["primary"]
    phones = normalised([point("030 901820"), point("+49 30 901820")], "phones", "DE")
    assert [p["value"] for p in phones] == ["+4930901820"]
    with pytest.raises(errors.Invalid) as caught:
        normalised([point("+4930901820"), point("nonsense")], "phones", "DE")
    assert caught.value.faults[0].pointer == "/phones/1/value"


def every_error(root=errors.CrmError):
    yield root
    for inner in root.__subclasses__():
        yield from every_error(inner)


def test_errors_form_one_tree_of_known_codes():
    for kind in every_error():
        assert 400 <= kind.status < 600
        assert kind.code.replace("_", "").isalpha()
        assert kind.title


class Refused(Exception):
    def __init__(self, sqlstate, detail=None, name=None, table=None):
        super().__init__("update or delete" if name == "blocked" else "refused")
        self.sqlstate, self.detail = sqlstate, detail
        self.constraint_name, self.table_name = name, table


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (
            Refused("23505", "Key (organization_id, name)=(1, 2) already"),
            errors.Duplicate,
            "duplicate",
        ),
        (
            Refused("23505", name="uq_record_keys_external"),
            errors.ExternalIdTaken,
            "duplicate_external_id",
        ),
        (Refused("23503"), errors.Invalid, "validation"),
        (Refused("23503", name="blocked"), errors.Blocked, "blocked"),
        (Refused("23P01"), errors.Duplicate, "overlap"),
        (Refused("23514"), errors.Invalid, "refused_value"),
        (Refused("22003"), errors.Invalid, "refused_value"),
        (Refused("22000"), errors.Invalid, "refused_value"),
        (Refused("40001"), errors.Unavailable, "conflict_retry"),
        (Refused("40P01"), errors.Unavailable, "conflict_retry"),
        (Refused("55P03"), errors.Unavailable, "locked"),
        (Refused("57014"), errors.Unavailable, "timeout"),
        (Refused("53300"), errors.Unavailable, "unavailable"),
        (Refused("08006"), errors.Unavailable, "unavailable"),
        (ConnectionResetError(), errors.Unavailable, "unavailable"),
        (TimeoutError(), errors.Unavailable, "unavailable"),
    ],
    ids=lambda value: getattr(value, "sqlstate", None),
)
def test_what_the_database_refuses_has_a_name(error, kind, code):
    found = translate(error)
    assert type(found) is kind
    assert found.own_code == code


def test_places_come_from_detail_or_name():
    detail = Refused("23505", "Key (organization_id, sku)=(1, 2) already exists.")
    assert [f.pointer for f in translate(detail).faults] == ["/sku"]
    named = Refused("23503", name="fk_contacts_organization_id_company_id", table="contacts")
    assert [f.pointer for f in translate(named).faults] == ["/company_id"]


def test_unknown_errors_stay_themselves():
    error = KeyError("x")
    assert translate(error) is error
    known = errors.NotFound("x")
    assert translate(known) is known


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1899-12-31T23:00:00Z"]
)
def test_times_beyond_all_calendars_are_refused(text):
    with pytest.raises(ValidationError):
        TypeAdapter(schema.Instant).validate_python(text)
