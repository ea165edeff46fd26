"""Links that open one file for a while, without a credential."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from crm_api.kit import clock
from crm_api.kit.query.cursor import seal
from crm_api.platform.attachments.service import _CONTEXT
from support.clients import pointers, problem


async def link_of(client, made, **given):
    answer = await client.post(f"/v1/attachments/{made['id']}/link", json=given)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()["url"]


async def test_a_link_opens_one_file_for_a_while(bench, client, anonymous):
    made = await bench.sent(b"behind a link", "a.txt")
    url = await link_of(client, made, expires_in=60)
    answer = await anonymous.get(url)
    assert answer.content == b"behind a link"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.txt"'
    part = await anonymous.get(url, headers={"Range": "bytes=0-5"})
    assert (part.status_code, part.content) == (206, b"behind")
    assert (await anonymous.head(url)).headers["content-length"] == "13"
    with time_machine.travel(clock.now() + timedelta(seconds=61), tick=False):
        problem(await anonymous.get(url), 404, "expired_link")


async def test_a_deleted_attachment_has_no_links(bench, client, anonymous):
    made = await bench.sent(b"x")
    url = await link_of(client, made)
    await client.delete(f"/v1/attachments/{made['id']}")
    problem(await anonymous.get(url), 404)
    await client.post(f"/v1/attachments/{made['id']}/restore")
    assert (await anonymous.get(url)).status_code == 200


async def test_a_link_cannot_be_made_up(bench, client, anonymous, other_org, database):
    made = await bench.sent(b"x")
    url = await link_of(client, made)
    at, token = url.rsplit("/", 1)
    for wrong in (token[:-2] + "aa", "a" + token[1:], "nothing", "ä"):
        problem(await anonymous.get(f"{at}/{wrong}"), 404, "invalid_link")
    end = int(clock.now().timestamp()) + 60
    foreign = seal(database.signing_key, _CONTEXT, [str(other_org.id), made["id"], end, False])
    problem(await anonymous.get(f"{at}/{foreign}"), 404)
    unknown = seal(database.signing_key, _CONTEXT, [str(uuid4()), made["id"], end, False])
    problem(await anonymous.get(f"{at}/{unknown}"), 404)


@pytest.mark.parametrize("seconds", [0, -1, 604_801, "60", 1.5, None])
async def test_how_long_is_bounded(bench, client, seconds):
    made = await bench.sent(b"x")
    answer = await client.post(f"/v1/attachments/{made['id']}/link", json={"expires_in": seconds})
    assert pointers(problem(answer, 422)) == ["/expires_in"]


async def test_who_made_a_link_is_written_down(bench, client):
    made = await bench.sent(b"x")
    await link_of(client, made)
    told = await client.told(made["id"], 2)
    assert [event["type"] for event in told] == ["attachment.created", "attachment.linked"]
    assert "url" not in told[1]["data"]


async def test_links_take_the_right_to_read(bench, client, keyed):
    made = await bench.sent(b"x")
    reader = await keyed("attachments:read")
    assert (await reader.get(f"/v1/attachments/{made['id']}/content")).status_code == 200
    assert (await reader.post(f"/v1/attachments/{made['id']}/link", json={})).status_code == 200
    stranger = await keyed("contacts:read")
    problem(await stranger.post(f"/v1/attachments/{made['id']}/link", json={}), 403)
    problem(await stranger.get(f"/v1/attachments/{made['id']}/content"), 403)
