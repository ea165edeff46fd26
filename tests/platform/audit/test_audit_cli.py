"""`crm-api audit verify`, as a program."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from support.exports import exported
from support.servers import environment_of

PROGRAM = Path(sys.executable).with_name("crm-api")


@pytest.fixture
def verify(settings, tmp_path):
    """`await verify("--json")`: the exit code, and what was printed."""

    async def run(*arguments, **environment):
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "audit",
            "verify",
            *map(str, arguments),
            env={**environment_of(settings), **environment},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


async def test_what_is_whole_and_what_is_not(client, trail, verify, owner):
    await client.made("companies", {"name": "Example"})
    seals = await trail.seal()
    own = ("--organization", trail.org.id)
    code, out, _ = await verify(*own, "--json")
    assert code == 0
    (told,) = json.loads(out)["organizations"]
    assert told["organization_id"] == str(trail.org.id)
    assert (told["is_whole"], told["events"], told["breaks"]) == (True, len(seals), [])
    kept = f"{told['position']}:{told['hash']}"
    code, out, _ = await verify(*own, "--head", kept, "--head", f"{len(seals) + 1}:{told['hash']}")
    assert code == 3
    assert "Not as it was sealed: 1\n" in out
    assert "head_changed" in out
    code, out, _ = await verify(*own, CRM_SECRET_KEY="another key, which is long enough as well")
    assert code == 3
    assert "anchor_unsigned" in out
    await owner.execute(
        "UPDATE events SET actor_kind = 'user' WHERE organization_id = $1 AND id = $2",
        trail.org.id,
        seals[-1]["event_id"],
    )
    code, out, _ = await verify("--json")
    assert code == 3
    found = {each["organization_id"]: each for each in json.loads(out)["organizations"]}
    (changed,) = found[str(trail.org.id)]["breaks"]
    assert (changed["kind"], changed["position"]) == ("event_changed", len(seals))


async def test_a_file_needs_no_database(client, trail, verify, worker, tmp_path):
    await client.made("companies", {"name": "Example"})
    await trail.seal()
    file = tmp_path / "trail.ndjson"
    file.write_bytes((await exported(client, "audit")).content)
    nowhere = {"CRM_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    code, out, _ = await verify("--file", file, "--json", **nowhere)
    assert code == 0
    assert json.loads(out)["is_whole"] is True
    file.write_bytes(file.read_bytes().replace(b'"Example"', b'"Another"'))
    code, out, _ = await verify("--file", file, **nowhere)
    assert code == 3
    assert "values_changed" in out
    file.write_text('{"kind": "something else"}\n')
    code, _, err = await verify("--file", file, **nowhere)
    assert code == 1
    assert "crm-audit-1" in err


async def test_a_file_that_was_sealed_anew_lacks_the_signature(
    client, trail, verify, worker, tmp_path
):
    await client.made("companies", {"name": "Example"})
    await trail.seal()
    file = tmp_path / "trail.ndjson"
    file.write_bytes((await exported(client, "audit")).content)
    code, out, _ = await verify("--file", file, "--signed")
    assert code == 0, out
    other = "another key, which is long enough as well"
    code, out, _ = await verify("--file", file, "--signed", CRM_SECRET_KEY=other)
    assert code == 3
    assert "anchor_unsigned" in out
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(line for line in lines if b'"anchor"' not in line))
    assert (await verify("--file", file))[0] == 0
    code, out, _ = await verify("--file", file, "--signed")
    assert code == 3
    assert "anchor_missing" in out
    code, _, err = await verify("--signed")
    assert (code, "--file" in err) == (2, True)


async def test_wrong_usage_is_told(verify, tmp_path):
    file = tmp_path / "trail.ndjson"
    file.touch()
    for arguments in (
        ("--file", tmp_path / "none"),
        ("--head", "1:00"),
        ("--file", file, "--head", "nonsense"),
        ("--file", file, "--organization", "01990000-0000-7000-8000-00000000beef"),
    ):
        code, _, err = await verify(*arguments)
        assert code == 2, err
