"""Lists of filters in brackets."""

import pytest

from support.clients import pointers, problem


async def test_and_or_and_not_are_numbered(client):
    ids = {
        name: (await client.made("contacts", {"last_name": name, "title": title}))["id"]
        for name, title in (("a", "x"), ("b", "y"), ("c", "x"), ("d", None))
    }

    async def found(query):
        answer = await client.get(f"/v1/contacts?{query}")
        assert answer.status_code == 200, answer.text
        return {row["last_name"] for row in answer.json()["data"]}

    assert ids
    either = "filter[or][0][last_name][eq]=a&filter[or][1][title]=y"
    assert await found(either) == {"a", "b"}
    assert await found(f"{either}&filter[title]=x") == {"a"}
    both = "filter[and][0][title]=x&filter[and][1][not][last_name]=a"
    assert await found(both) == {"c"}
    nested = "filter[not][or][1][title]=y&filter[not][or][0][and][0][title]=x"
    assert await found(nested) == {"d"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("filter[or][last_name]=a", "/filter/or"),
        ("filter[or][1][last_name]=a", "/filter/or"),
        ("filter[or][00][last_name]=a", "/filter/or"),
        ("filter[or]=a", "/filter/or"),
        ("filter[or][0]=a", "/filter/or/0"),
        ("filter[or][0][no_such]=a", "/filter/or/0/no_such"),
        ("filter" + "[not]" * 1_200 + "[last_name]=a", "/filter/not"),
        ("filter" + "[or][0]" * 300 + "[last_name]=a", "/filter/or"),
    ],
)
async def test_wrong_lists_have_their_place(client, query, pointer):
    answer = await client.get(f"/v1/contacts?{query}")
    assert pointers(problem(answer, 422, "invalid_filter"))[0].startswith(pointer)
