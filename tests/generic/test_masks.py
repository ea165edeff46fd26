"""Fields that a role hides or closes: by no way seen, guessed or set."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from crm_api.kit.access import is_managed
from support.clients import Api, pointers, problem
from support.exports import exported
from support.factories import KINDS, Kind
from support.graph import camel
from support.members import Member, custom_role, member

MASKED = [
    k
    for k in KINDS
    if not is_managed(k.area) and k.listing.open_to is None and k.listing.about is None
]
ALL = dict.fromkeys(("read", "create", "update", "delete"), "all")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "masked" in metafunc.fixturenames:
        metafunc.parametrize("masked", MASKED, ids=str)


async def blind(client: Api, kind: Kind, *more: str) -> Member:
    """Somebody from whom all is hidden that can be."""
    mask = {"hidden": [*sorted(kind.listing.maskable), *more]}
    permissions = ["export", "merge", "import"]
    role = await custom_role(
        client, levels={"*": ALL}, permissions=permissions, masks={kind.entity: mask}
    )
    return await member(client, role)


def empty(kind: Kind, row: dict[str, Any]) -> bool:
    return all(
        row[name] == ([] if name in kind.listing.lists else None) for name in kind.listing.maskable
    )


async def full_one(client: Api, kind: Kind) -> dict[str, Any]:
    """A record with values in its optional fields."""
    return await client.made(kind.path, (await kind.factory.varied(client))[0])


async def test_hidden_fields_look_empty(client, masked):
    made = await full_one(client, masked)
    assert not empty(masked, made)
    one = await blind(client, masked)
    path = f"/v1/{masked.path}/{made['id']}"
    assert empty(masked, await one.api.read(f"{masked.path}/{made['id']}"))
    assert empty(masked, (await one.api.get(path, params={"as_of": "@now"})).json())
    for page in (
        await one.api.read(masked.path),
        await one.api.read(masked.path, fields=",".join(masked.listing.maskable)),
        (await one.api.post(f"/v1/{masked.path}/query", json={})).json(),
        await one.api.read(f"{masked.path}/changes"),
    ):
        assert page["data"]
        assert all(empty(masked, row) for row in page["data"])
    patched = await one.api.changed(
        f"{masked.path}/{made['id']}", {"external_ids": {"example": "changed"}}
    )
    assert empty(masked, patched)
    stale = await one.api.patch(path, json={"external_ids": {}}, headers={"If-Match": '"1"'})
    assert empty(masked, problem(stale, 412)["current"])


def asked(kind: Kind, name: str) -> str:
    """A field in a GraphQL document; of an object what every one has."""
    parts = get_args(kind.listing.out.model_fields[name].annotation)
    is_object = any(isinstance(part, type) and issubclass(part, BaseModel) for part in parts)
    return f"{camel(name)} {{ __typename }}" if is_object else camel(name)


async def test_hidden_fields_look_empty_over_graphql(client, masked):
    made = await full_one(client, masked)
    one = await blind(client, masked)
    single, plural = camel(masked.entity), camel(masked.name)
    plain = [n for n in masked.listing.maskable if n not in masked.listing.lists]
    names = " ".join(asked(masked, name) for name in sorted(plain))
    data = await one.api.data(
        f"query($id: UUID!) {{ {single}(id: $id) {{ {names} }} {plural} {{ nodes {{ {names} }} }} }}",
        id=made["id"],
    )
    rows = [data[single], *data[plural]["nodes"]]
    assert all(value is None for row in rows for value in row.values())


async def test_hidden_fields_cannot_be_guessed(client, masked):
    await full_one(client, masked)
    one = await blind(client, masked)
    listing, path = masked.listing, f"/v1/{masked.path}"
    for name in sorted(listing.maskable):
        if name in listing.fields:
            for filter in (
                {name: {"is_null": False}},
                {"not": {"or": [{name: {"is_null": True}}]}},
            ):
                answer = await one.api.post(f"{path}/query", json={"filter": filter})
                found = problem(answer, 403, "hidden_field")
                assert pointers(found)[0].endswith(f"/{name}")
        if name in listing.sort_keys:
            answer = await one.api.get(path, params={"sort": f"-{name}"})
            assert pointers(problem(answer, 403, "hidden_field")) == ["sort"]
        if name in listing.keyed and masked.service.upserts:
            kind = listing.keyed[name].kind
            answer = await one.api.post(f"{path}/upsert", params={"match": kind}, json={})
            problem(answer, 403, "hidden_field")
        answer = await one.api.post(f"{path}/export", json={"format": "csv", "fields": [name]})
        problem(answer, 403, "hidden_field")
    if listing.search is not None and listing.maskable & set(listing.search.fields):
        problem(await one.api.get(path, params={"q": "example"}), 403, "hidden_field")
        found = await one.api.get("/v1/search", params={"q": "example", "types": masked.entity})
        problem(found, 403, "hidden_field")


async def test_hidden_fields_are_not_in_what_happened(client, masked):
    made = await full_one(client, masked)
    one = await blind(client, masked)
    events = await one.api.told(made["id"], 1)
    history = await one.api.read(f"{masked.path}/{made['id']}/history")
    names = {name for event in events for name in (*event["data"], *(event["previous"] or {}))}
    changed = {change["field"] for entry in history["data"] for change in entry["changes"]}
    assert not (names | changed) & masked.listing.maskable


async def test_hidden_fields_are_not_exported(client, masked, worker):
    await full_one(client, masked)
    one = await blind(client, masked)
    answer = await exported(one.api, masked.path, format="csv")
    header = answer.text.lstrip("\ufeff").splitlines()[0].split(",")
    assert "id" in header
    assert not set(header) & masked.listing.maskable


async def test_hidden_and_closed_fields_are_not_set(client, masked):
    made = await masked.make(client)
    change = masked.factory.change
    (name,) = change
    for mask in ({"hidden": [name]}, {"read_only": [name]}):
        role = await custom_role(client, levels={"*": ALL}, masks={masked.entity: mask})
        one = await member(client, role)
        path = f"/v1/{masked.path}"
        for answer in (
            await one.api.patch(f"{path}/{made['id']}", json=change),
            await one.api.post(path, json={**await masked.factory.least(client), **change}),
        ):
            assert pointers(problem(answer, 403, "read_only_field")) == [f"/{name}"]
        shown = await one.api.read(f"{masked.path}/{made['id']}")
        assert shown["version"] == 1


async def test_custom_fields_are_hidden_as_well(client, masked):
    await masked.define(client, tier="text", size="integer")
    made = await masked.make(client, custom={"tier": "gold", "size": 3})
    one = await blind(client, masked, "custom.tier")
    path = f"/v1/{masked.path}"
    assert (await one.api.read(f"{masked.path}/{made['id']}"))["custom"] == {"size": 3}
    assert (await one.api.read(masked.path))["data"][0]["custom"] == {"size": 3}
    filtered = {"filter[custom][tier]": "gold"}
    problem(await one.api.get(path, params=filtered), 403, "hidden_field")
    problem(await one.api.get(path, params={"sort": "custom.tier"}), 403, "hidden_field")
    answer = await one.api.patch(f"{path}/{made['id']}", json={"custom": {"tier": "silver"}})
    problem(answer, 403)
    kept = await one.api.changed(f"{masked.path}/{made['id']}", {"custom": {"size": 4}})
    assert kept["custom"] == {"size": 4}
    assert (await client.read(f"{masked.path}/{made['id']}"))["custom"]["tier"] == "gold"
