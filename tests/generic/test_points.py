"""Contact points and tags follow one set of rules, whoever has them."""

import pytest

from crm_api.kit.db.columns import Described
from crm_api.kit.points import Reachable
from support.clients import pointers, problem
from support.factories import KINDS, Kind

REACHABLE = [kind for kind in KINDS if issubclass(kind.listing.model, Reachable)]
DESCRIBED = [kind for kind in KINDS if issubclass(kind.listing.model, Described)]
reachable = pytest.mark.parametrize("kind", REACHABLE, ids=str)
described = pytest.mark.parametrize("kind", DESCRIBED, ids=str)


def values(points):
    return [(point["value"], point["primary"]) for point in points]


@reachable
async def test_short_form_is_the_primary_of_many(client, kind: Kind):
    made = await kind.make(client, email="First@Example.COM", phone="030 901820")
    assert values(made["emails"]) == [("First@example.com", True)]
    assert values(made["phones"]) == [("+4930901820", True)]
    assert (made["email"], made["phone"]) == ("First@example.com", "+4930901820")
    path = f"{kind.path}/{made['id']}"
    more = [{"value": "first@example.com", "primary": True}, {"value": "second@example.com"}]
    await client.changed(path, {"emails": more})
    changed = await client.changed(path, {"email": "third@example.com"})
    assert values(changed["emails"]) == [("third@example.com", True), ("second@example.com", False)]
    changed = await client.changed(path, {"phone": None})
    assert (changed["phone"], changed["phones"]) == (None, [])


@reachable
async def test_mistakes_stand_where_they_were_made(client, kind: Kind):
    least = await kind.factory.least(client)
    two = [{"value": f"{name}@example.com", "primary": True} for name in "ab"]
    for more, place in (
        ({"email": "nonsense"}, "/email"),
        ({"phone": "nonsense"}, "/phone"),
        ({"emails": [{"value": "good@example.com"}, {"value": "bad"}]}, "/emails/1/value"),
        ({"phones": [{"value": "nonsense"}]}, "/phones/0/value"),
        ({"emails": two}, "/emails"),
        ({"email": "a@example.com", "emails": [{"value": "b@example.com"}]}, "/email"),
        ({"addresses": [{"primary": True}, {"primary": True}]}, "/addresses"),
    ):
        answer = await client.post(f"/v1/{kind.path}", json={**least, **more})
        assert pointers(problem(answer, 422)) == [place], more


@reachable
async def test_repeats_are_one_and_the_first_is_primary(client, kind: Kind):
    emails = [
        {"value": "a@example.com"},
        {"value": "b@example.com"},
        {"value": "B@example.com", "primary": True},
    ]
    made = await kind.make(client, emails=emails, addresses=[{"city": "Berlin"}, {"city": "Paris"}])
    assert values(made["emails"]) == [("a@example.com", False), ("b@example.com", True)]
    assert [address["primary"] for address in made["addresses"]] == [True, False]


@reachable
async def test_points_find_their_record_in_any_spelling(client, kind: Kind):
    made = await kind.make(client, email="Sample.Person@Example.com", phone="030 901820")
    for query in (
        {"filter[emails]": "sample.person@EXAMPLE.com"},
        {"filter[phones]": "+49 (30) 901820"},
        {"q": "sample.person@example.com"},
    ):
        found = await client.read(kind.path, **query)
        assert [row["id"] for row in found["data"]] == [made["id"]], query
    await client.changed(f"{kind.path}/{made['id']}", {"email": "other@example.com"})
    gone = await client.read(kind.path, **{"filter[emails]": "sample.person@example.com"})
    assert gone["data"] == []


@reachable
async def test_numbers_are_read_by_the_records_country_first(client, kind: Kind):
    made = await kind.make(client, country="France", phone="01 23 45 67 89")
    assert (made["country"], made["phone"]) == ("FR", "+33123456789")
    path = f"{kind.path}/{made['id']}"
    assert (await client.changed(path, {"phone": "01 98 76 54 32"}))["phone"] == "+33198765432"
    changed = await client.changed(path, {"country": "GB", "phone": "020 7946 0958"})
    assert changed["phone"] == "+442079460958"


@described
async def test_tags_are_kept_once_and_cleared_by_null(client, kind: Kind):
    made = await kind.make(client, tags=["a", "b", "a"])
    assert made["tags"] == ["a", "b"]
    changed = await client.changed(f"{kind.path}/{made['id']}", {"tags": ["c", "c"]})
    assert changed["tags"] == ["c"]
    assert (await client.changed(f"{kind.path}/{made['id']}", {"tags": None}))["tags"] == []


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_null_empties_every_list_that_may_be_empty(client, kind: Kind):
    optional = {n for n, f in kind.service.create_shape.model_fields.items() if not f.is_required()}
    lists = optional & set(kind.service.update_shape.model_fields)
    for made in await kind.several(client):
        # An e-mail address may be all that names a record.
        kept = {
            name
            for name in lists - {"emails", *kind.factory.needed}
            if isinstance(made.get(name), list)
        }
        changed = await client.changed(f"{kind.path}/{made['id']}", dict.fromkeys(kept))
        assert {name: changed[name] for name in kept} == {name: [] for name in kept}
