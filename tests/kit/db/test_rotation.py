"""Secrets at rest move to the newest key, wherever the product keeps any."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.rotation import ROTATOR_ROLE, rotate
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ids import new_id
from crm_api.kit.secrets import Keyring, Place, SealedColumn
from crm_api.registry import MODULES
from support.clients import tx_of

OLD, NEW = b"\xa1" * 32, b"\xb2" * 32
COLUMNS = [column for module in MODULES for column in module.secrets]


@pytest.fixture
async def filled(own_database):
    """A database with a secret in every place there is, and many in one of them."""
    world, ring = own_database, Keyring([OLD])
    org = await world.org()
    async with unit_of_work(tx_of(world.database, org)) as tx:
        before = (await hasher_of(tx)).of("email", "sample@example.com")
    ids = [new_id() for _ in range(25)]
    await world.owner.executemany(
        "INSERT INTO accounts (id, email, totp_secret, created_at, epoch) "
        "VALUES ($1, $2, $3, now(), 0)",
        [(id, f"{id}@example.com", ring.seal(f"totp {id}", Place(None, *_TOTP, id))) for id in ids],
    )
    api = await world.client(org)
    # Whoever looks at the signing keys makes the first.
    assert (await api.get("/.well-known/jwks.json")).status_code == 200
    await api.made(
        "identity-providers",
        {
            "name": "Example",
            "issuer": "https://login.example.com",
            "client_id": "crm",
            "client_secret": "plainly an example",
        },
    )
    hook = await api.made(
        "webhooks",
        {"url": "https://example.com/", "topics": ["contact.*"], "headers": {"x-example": "plain"}},
    )
    channel = await api.made("channels", {"name": "Example", "kind": "chat"})
    for path in (f"webhooks/{hook['id']}", f"channels/{channel['id']}"):
        answer = await api.post(f"/v1/{path}/rotate-secret", json={})
        assert answer.status_code == 200, answer.text
    await _booked_by_a_guest(api)
    return world, org, ids, before


async def _booked_by_a_guest(api):
    """On a page, so that there is a link to be sent to them."""
    room = await api.made("resources", {"name": "Meeting room", "kind": "room"})
    body = {"name": "Site visit", "key": "visit", "time_zone": "UTC"}
    offered = {**body, "requirements": [{"resource_ids": [room["id"]]}]}
    type = await api.made("booking-types", offered)
    page = await api.made("booking-pages", {"booking_type_id": type["id"]})
    path = f"/public/booking-pages/{page['token']}"
    first = (datetime.now(UTC) + timedelta(days=7)).date()
    window = {"start": f"{first}T00:00:00Z", "end": f"{first + timedelta(days=1)}T00:00:00Z"}
    slot = (await api.post(f"{path}/slots", json=window)).json()["slots"][0]
    guest = {"last_name": "Person", "email": "guest@example.com", "starts_at": slot["start"]}
    answer = await api.post(f"{path}/book", json=guest)
    assert answer.status_code == 201, answer.text


_TOTP = ("accounts", "totp_secret")


def rotator(settings, *keys):
    hexed = tuple(key.hex() for key in keys)
    return open_database(settings.model_copy(update={"encryption_keys": hexed}), ROTATOR_ROLE)


async def test_every_secret_is_sealed_anew_and_the_old_key_can_go(filled, settings):
    world, org, ids, before = filled
    database = rotator(settings.model_copy(update={"database_url": world.url}), NEW, OLD)
    try:
        done = {(d.table, d.column): d for d in await rotate(database, COLUMNS, batch=10)}
        again = await rotate(database, COLUMNS, batch=10)
    finally:
        await database.close()
    assert done["accounts", "totp_secret"].sealed == len(ids)
    assert done["signing_keys", "private"].sealed >= 1
    assert done["hash_keys", "secret"].sealed == 1
    assert done["identity_providers", "client_secret"].sealed == 1
    assert done["webhooks", "secrets"].sealed == 1
    assert done["webhooks", "sealed_headers"].sealed == 1
    assert done["channels", "secrets"].sealed == 1
    assert all(d.unreadable == 0 for d in done.values())
    assert all(d.sealed == 0 for d in again)
    ring = Keyring([NEW])
    for column in COLUMNS:
        rows = await world.owner.fetch(
            f"SELECT to_jsonb(t) ->> 'organization_id' AS own, \"{column.key}\"::text AS row, "
            f'"{column.column}" AS sealed FROM {column.table} t '
            f'WHERE "{column.column}" IS NOT NULL'
        )
        assert rows
        for row in rows:
            own = UUID(row["own"]) if column.tenant else None
            assert ring.open(row["sealed"], column.place(own, row["row"]))
    sealed = await world.owner.fetchval("SELECT totp_secret FROM accounts WHERE id = $1", ids[3])
    assert ring.open(sealed, Place(None, *_TOTP, ids[3])) == f"totp {ids[3]}"
    world.database.secrets = ring
    world.database.memory.forget(("hasher", org.id))
    async with unit_of_work(tx_of(world.database, org)) as tx:
        assert (await hasher_of(tx)).of("email", "sample@example.com") == before


async def test_a_rotation_that_stopped_goes_on(filled, settings):
    world, _, ids, _ = filled
    database = rotator(settings.model_copy(update={"database_url": world.url}), NEW, OLD)
    ring = Keyring([NEW, OLD])
    for id in ids[:7]:
        sealed = ring.seal(f"totp {id}", Place(None, *_TOTP, id))
        await world.owner.execute("UPDATE accounts SET totp_secret = $2 WHERE id = $1", id, sealed)
    try:
        (done,) = await rotate(database, [SealedColumn(*_TOTP)], batch=4)
    finally:
        await database.close()
    assert done.sealed == len(ids) - 7


async def test_what_no_key_opens_is_told_and_left(filled, settings):
    world, _, ids, _ = filled
    lost = Keyring([b"\xc3" * 32]).seal("gone", Place(None, *_TOTP, ids[0]))
    moved = Keyring([OLD]).seal("elsewhere", Place(None, *_TOTP, ids[2]))
    for id, sealed in ((ids[0], lost), (ids[1], moved)):
        await world.owner.execute("UPDATE accounts SET totp_secret = $2 WHERE id = $1", id, sealed)
    database = rotator(settings.model_copy(update={"database_url": world.url}), NEW, OLD)
    try:
        (done,) = await rotate(database, [SealedColumn(*_TOTP)], batch=4)
    finally:
        await database.close()
    assert (done.sealed, done.unreadable) == (len(ids) - 2, 2)
    found = await world.owner.fetchval("SELECT totp_secret FROM accounts WHERE id = $1", ids[0])
    assert found == lost


async def test_the_rotator_sees_sealed_columns_alone(filled, settings):
    world = filled[0]
    async with world.owner.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {ROTATOR_ROLE}")
        for statement in (
            "SELECT email FROM accounts",
            "SELECT name FROM contacts",
            "UPDATE accounts SET password_hash = ''",
        ):
            with pytest.raises(Exception, match="permission denied"):
                async with connection.transaction():
                    await connection.execute(statement)


async def test_no_envelope_is_kept_anywhere_else(filled):
    """Whatever looks like an envelope in any column is declared."""
    world = filled[0]
    columns = await world.owner.fetch(
        "SELECT table_name AS t, column_name AS c FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type IN ('text', 'jsonb')"
    )
    found = set()
    for table, column in columns:
        sql = f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE \'%v1.________.%.%\''
        if await world.owner.fetchval(sql):
            found.add((table, column))
    assert found == {(column.table, column.column) for column in COLUMNS}


def test_the_command_line_rotates(own_url, settings, monkeypatch, capsys, tmp_path):
    from crm_api.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_DATABASE_URL", own_url)
    monkeypatch.setenv("CRM_SECRET_KEY", settings.secret_key)
    monkeypatch.setenv("CRM_ENCRYPTION_KEYS", f"{NEW.hex()},{OLD.hex()}")
    monkeypatch.setattr("sys.argv", ["crm-api", "keys", "rotate", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert {(c["table"], c["column"]) for c in told["columns"]} == {
        (column.table, column.column) for column in COLUMNS
    }
