"""Short messages leave by a gateway or as files, and nothing pretends to have sent them."""

import json
import stat

import pytest

from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import Outbound
from crm_api.kit.texters import HttpTexter, NoTexter, ShortMessage, new_texter
from support.receivers import receiving

MESSAGE = ShortMessage("one", "+4930123456", "Hello")


@pytest.fixture
async def outbound():
    made = Outbound(Reach(["127.0.0.0/8"]))
    yield made
    await made.close()


async def test_files_are_for_their_owner(tmp_path, outbound):
    way = new_texter("sms", None, None, tmp_path / "outbox", outbound)
    for _ in range(2):
        assert await way.send(MESSAGE)
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name == "one.sms.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {"id": "one", "to": "+4930123456", "text": "Hello"}


async def test_without_a_way_none_leaves(outbound):
    way = new_texter("sms", None, None, None, outbound)
    assert isinstance(way, NoTexter)
    assert not await way.send(MESSAGE)


async def test_a_gateway_gets_them_with_the_same_key_each_time(outbound):
    async with receiving() as gateway:
        way = new_texter("sms", gateway.url, "secret", None, outbound)
        assert isinstance(way, HttpTexter)
        for _ in range(2):
            assert await way.send(MESSAGE)
    for got in gateway.got:
        assert got.event == {"id": "one", "to": "+4930123456", "text": "Hello"}
        assert got.headers["idempotency-key"] == "one"
        assert got.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (429, True), (400, False), (404, False), (302, False)]
)
async def test_what_a_gateway_refuses_is_tried_again_or_not(outbound, status, again):
    async with receiving(answer=lambda _: status) as gateway:
        way = new_texter("sms", gateway.url, None, None, outbound)
        with pytest.raises(CrmError) as raised:
            await way.send(MESSAGE)
    assert isinstance(raised.value, Unavailable) is again
    assert "authorization" not in gateway.got[0].headers


async def test_what_may_not_be_reached_is_not():
    closed = Outbound(Reach())
    async with receiving() as gateway:
        way = new_texter("sms", gateway.url, None, None, closed)
        with pytest.raises(Unavailable):
            await way.send(MESSAGE)
    assert gateway.got == []
    await closed.close()
