"""Both places of files keep, hand out and forget alike; the store lets only signed requests in."""

import asyncio
import hashlib
import os
import tracemalloc
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from crm_api.kit.clock import now
from crm_api.kit.errors import Unavailable
from crm_api.kit.files.local import LocalFiles
from crm_api.kit.files.objects import PART, Bucket, ObjectFiles
from crm_api.kit.files.store import FileGone, Place, new_place
from support.stores import ACCESS_KEY, REGION, SECRET_KEY, Store, serving

pytestmark = pytest.mark.asyncio


def opened(store: Store, **given) -> ObjectFiles:
    values = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "path_style": True, **given}
    return ObjectFiles(Bucket(store.bucket, REGION, store.url, **values))


@asynccontextmanager
async def place_of_files(kind, tmp_path):
    if kind == "local":
        yield LocalFiles(tmp_path / "files")
    else:
        async with serving() as store:
            yield opened(store)
            assert store.refused == []


@pytest.fixture(params=["local", "s3"])
async def files(request, tmp_path):
    async with place_of_files(request.param, tmp_path) as found:
        yield found


async def chunks(*given):
    for chunk in given:
        yield chunk


async def read(files, place, *bounds):
    return b"".join([block async for block in await files.open(place, *bounds)])


@pytest.mark.parametrize("size", [0, 1, 70_000, PART, PART + 1, 3 * PART + 5])
async def test_what_is_kept_is_what_came(files, size):
    content = os.urandom(size)
    place = new_place("things", uuid4())
    await files.put(place, chunks(*(content[n : n + 65_536] for n in range(0, size, 65_536))))
    assert await files.size(place) == size
    assert await read(files, place) == content
    if size > 10:
        assert await read(files, place, 5) == content[5:]
        assert await read(files, place, 5, 9) == content[5:9]
    async with files.at_hand(place) as path:
        assert path.read_bytes() == content
    await files.remove(place)
    await files.remove(place)
    assert await files.size(place) is None


async def test_a_finished_file_is_kept(files):
    place = new_place("things", uuid4())
    async with files.draft() as path:
        path.write_bytes(b"made here")
        await files.put_file(place, path)
    assert not path.exists()
    assert await read(files, place) == b"made here"


@pytest.mark.parametrize("after", [0, 10, PART + 10, 2 * PART + 10])
async def test_what_ends_early_leaves_nothing(files, after):
    async def failing():
        for _ in range(0, after, 65_536):
            yield bytes(65_536)
        raise LookupError("the sender is gone")

    place = new_place("things", uuid4())
    with pytest.raises(LookupError, match="the sender is gone"):
        await files.put(place, failing())
    assert await files.size(place) is None
    with pytest.raises(FileGone):
        await files.open(place)
    with pytest.raises(FileGone):
        async with files.at_hand(place):
            raise AssertionError


async def test_whoever_reads_comes_to_the_end_though_it_is_removed(files):
    content, place = os.urandom(4 << 20), new_place("things", uuid4())
    await files.put(place, chunks(content))
    blocks = await files.open(place)
    first = await anext(blocks)
    await files.remove(place)
    rest = [block async for block in blocks]
    assert first + b"".join(rest) == content


async def test_old_ones_are_told_by_organization(files, tmp_path):
    mine, theirs = uuid4(), uuid4()
    places = [new_place("things", own) for own in (mine, mine, mine, theirs)]
    for place in [*places, new_place("others", mine), Place("things", mine, "README")]:
        await files.put(place, chunks(b"x"))
    found: dict = {}
    async for own, names in files.old("things", now() + timedelta(minutes=1)):
        found.setdefault(own, []).extend(names)
    assert {own: sorted(names) for own, names in found.items()} == {
        mine: sorted(place.name for place in places[:3]),
        theirs: [places[3].name],
    }
    young = [names async for _, names in files.old("things", now() - timedelta(minutes=1)) if names]
    assert young == []
    assert [f async for f in files.old("nothing", now())] == []


async def test_memory_is_bounded_whatever_is_sent(files):
    size = 24 * PART
    digest, place = hashlib.sha256(), new_place("things", uuid4())

    async def many():
        for n in range(0, size, 1 << 20):
            block = n.to_bytes(8, "big") * (1 << 17)
            digest.update(block)
            yield block

    if isinstance(files, ObjectFiles):
        pytest.skip("the store of the tests keeps it in this process; see the largest request")
    tracemalloc.start()
    await files.put(place, many())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * PART
    again = hashlib.sha256()
    async for block in await files.open(place):
        again.update(block)
    assert again.digest() == digest.digest()


async def test_a_large_file_goes_in_parts():
    async with serving() as store:
        files, place = opened(store), new_place("things", uuid4())
        await files.put(place, chunks(bytes(5 * PART)))
        assert store.largest == PART
        assert len(store.objects[place.key].body) == 5 * PART
        with pytest.raises(LookupError):
            await files.put(new_place("things", uuid4()), _failing(3 * PART))
        assert store.uploads == {}, "an upload that ended early is taken back"


async def _failing(size):
    yield bytes(size)
    raise LookupError


@pytest.mark.parametrize(
    "wrong", [{"secret_key": "another"}, {"access_key": "another"}], ids=["secret", "key"]
)
async def test_nobody_else_is_let_in(wrong):
    async with serving() as store:
        files, place = opened(store, **wrong), new_place("things", uuid4())
        for attempt in (files.put(place, chunks(b"x")), files.size(place), files.open(place)):
            with pytest.raises(Unavailable) as caught:
                await attempt
            assert caught.value.own_code == "files_unavailable"
        assert store.objects == {}
        assert len(store.refused) >= 3


async def test_a_store_that_stumbles_is_asked_again():
    async with serving() as store:
        files, place = opened(store), new_place("things", uuid4())
        store.broken = 2
        await files.put(place, chunks(b"x"))
        store.broken = 1
        assert await read(files, place) == b"x"


async def test_a_store_that_is_away_is_told_as_such():
    async with serving() as store:
        files = opened(store)
    with pytest.raises(Unavailable):
        await asyncio.wait_for(files.put(new_place("things", uuid4()), chunks(b"x")), 60)


async def test_a_directory_that_cannot_be_written_is_told_as_such(tmp_path):
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(Unavailable):
        await LocalFiles(tmp_path / "files").put(new_place("things", uuid4()), chunks(b"x"))


async def test_drafts_of_the_dead_are_removed(tmp_path):
    files = LocalFiles(tmp_path)
    folder = tmp_path / "drafts"
    folder.mkdir()
    dead, young = folder / uuid4().hex, folder / uuid4().hex
    for path in (dead, young):
        path.write_text("half")
    os.utime(dead, (1, 1))
    await files.tidy()
    assert [path.name for path in folder.iterdir()] == [young.name]
