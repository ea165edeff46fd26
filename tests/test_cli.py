"""The command line, most of it against a `crm-api dev` that really runs."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from crm_api.cli import main
from crm_api.settings import Settings

ROOT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("crm-api")
pytestmark = pytest.mark.timeout(300)
SECRET = "the secret key of the test suite, long enough"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def crm(monkeypatch, capsys, tmp_path):
    """`crm("migrate", CRM_DATABASE_URL=…)`: a command in this process and an empty directory."""
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, **environment: object) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["crm-api", *map(str, arguments)])
            for name, value in environment.items():
                patch.setenv(name, str(value))
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Dev:
    """A `crm-api dev` that runs."""

    process: subprocess.Popen[str]
    data_dir: Path
    port: int
    printed: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        return json.loads((self.data_dir / "demo.json").read_text())["api_key"]

    def children(self) -> dict[str, int]:
        """The pids of the API and the worker."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().decode().split("\0")
                parent = path.with_name("stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if "crm_api.dev.child" in words and int(parent) == self.process.pid:
                found[words[words.index("crm_api.dev.child") + 1]] = int(path.parent.name)
        return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def dev_environment(data_dir: Path, port: int) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return plain | {"CRM_DATA_DIR": str(data_dir), "CRM_PORT": str(port)}


@contextmanager
def dev_in(data_dir: Path, port: int):
    log_path = data_dir.with_name("dev.log")
    with (
        log_path.open("w") as log,
        subprocess.Popen(
            [PROGRAM, "dev"],
            env=dev_environment(data_dir, port),
            cwd=data_dir.parent,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            printed = ""
            while "curl" not in printed:
                line = process.stdout.readline()
                assert line, f"{printed}\n{log_path.read_text()}"
                printed += line
            yield Dev(process, data_dir, port, printed)
        finally:
            process.terminate()
            process.stdout.read()


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    with dev_in(tmp_path_factory.mktemp("dev") / "data", free_port()) as running:
        yield running
    assert running.process.returncode == 0


def get(dev: Dev, path: str, api_key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api_key or dev.api_key}"}
    return httpx.get(dev.url + path, headers=headers, trust_env=False, timeout=10)


def is_free(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_dev_prints_a_curl_line_that_works(dev):
    (line,) = [line for line in dev.printed.splitlines() if line.startswith("curl")]
    _, option, header, url = shlex.split(line)
    assert option == "-H"
    name, _, value = header.partition(": ")
    answer = httpx.get(url, headers={name: value}, trust_env=False)
    assert answer.status_code == 200
    assert "Sample Buyer" in {contact["name"] for contact in answer.json()["data"]}
    assert {f"{dev.url}/docs", f"{dev.url}/graphql", dev.api_key} <= set(dev.printed.split())


def test_dev_keeps_its_secrets_private(dev):
    for name in ("secret_key", "encryption_key", "demo.json", "lock"):
        assert (dev.data_dir / name).stat().st_mode & 0o777 == 0o600


def test_dev_is_alone_in_its_data_directory(dev):
    done = subprocess.run(
        [PROGRAM, "dev"],
        env=dev_environment(dev.data_dir, free_port()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"crm-api: process {dev.process.pid} is using {dev.data_dir}\n"


def test_dev_says_when_the_port_is_taken(dev, tmp_path):
    done = subprocess.run(
        [PROGRAM, "dev"],
        env=dev_environment(tmp_path / "data", dev.port),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"port {dev.port} of 127.0.0.1 is taken" in done.stderr
    assert not (tmp_path / "data" / "postgres").exists()


def test_dev_starts_a_dead_worker_again(dev):
    before = dev.children()["worker"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: dev.children().get("worker", before) != before)
    assert get(dev, "/v1/contacts").status_code == 200


def test_other_commands_find_the_servers_of_dev(dev, crm):
    here = {"CRM_DATA_DIR": dev.data_dir}
    made = crm("org", "create", "Second", "--country", "de", "--currency", "EUR", "--json", **here)
    assert made.code == 0, made.err
    own = get(dev, "/v1/organization", made.json["api_key"]).json()
    assert (own["id"], own["name"], own["country"]) == (made.json["id"], "Second", "DE")
    assert get(dev, "/v1/contacts", made.json["api_key"]).json()["data"] == []
    seeded = crm("seed", "--json", **here)
    assert seeded.json["made"] == {"companies": 0, "contacts": 0}
    assert seeded.json["api_key"] == dev.api_key
    assert "nothing to do" in crm("migrate", **here).out


def test_import_reports_and_saves_what_it_rejects(dev, crm, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("First name,Last name,E-mail\nCase,One,case.one@example.com\nCase,Two,no\n")
    here = {"CRM_DATA_DIR": dev.data_dir, "CRM_PORT": dev.port}
    tried = crm("import", people, "--dry-run", "--json", **here)
    assert tried.code == 0, tried.err
    assert (tried.json["counts"]["create"], tried.json["counts"]["error"]) == (1, 1)
    found = get(dev, "/v1/contacts?filter[email]=case.one@example.com").json()["data"]
    assert found == []
    done = crm("import", people, "--yes", **here)
    assert done.code == 0, done.err
    assert "Done: 1 created, 0 updated, 0 unchanged, 0 skipped, 1 rejected" in done.out
    rejected = (tmp_path / "people.errors.csv").read_text().splitlines()
    assert len(rejected) == 2
    assert "Case,Two,no" in rejected[1]


def test_import_takes_a_mapping_and_options(dev, crm, tmp_path):
    people = tmp_path / "odd.csv"
    people.write_text("a,b\nMapped,mapped@example.com\n")
    mapping = tmp_path / "mapping.json"
    mapping.write_text(json.dumps({"a": "last_name", "b": "email"}))
    here = {"CRM_API_KEY": dev.api_key, "CRM_URL": dev.url}
    options = ("--mapping", mapping, "--on-duplicate", "skip", "--yes", "--json")
    first = crm("import", people, *options, **here)
    assert first.code == 0, first.err
    assert first.json["counts"]["create"] == 1, first.json
    assert first.json["errors_file"] is None
    assert crm("import", people, *options, **here).json["counts"]["skip"] == 1
    again = ("--match", "email", "--tags", "one", "--tags", "two", "--country", "DE", "--day-first")
    more = ("--on-duplicate", "update", "--source", "shop")
    told = crm("import", people, *options, *again, *more, **here)
    assert told.code == 0, told.err
    (found,) = get(dev, "/v1/contacts?filter[email]=mapped@example.com").json()["data"]
    assert found["tags"] == ["one", "two"]
    wrong = crm("import", people, *options, "--match", "nonsense", **here)
    assert (wrong.code, wrong.err.startswith("crm-api: 422 ")) == (1, True)
    tasks = tmp_path / "tasks.csv"
    tasks.write_text("Subject\nCall\n")
    assert crm("import", tasks, "--entity", "task", "--yes", **here).code == 0


def test_import_says_what_is_wrong(dev, crm, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("First name\nOne\n")
    here = {"CRM_URL": dev.url}
    assert crm("import", people, "--json", **here).code == 2
    assert "no demo key" in crm("import", people, "--yes", **here).err
    wrong = crm("import", people, "--yes", "--key", "wrong", **here)
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.startswith("crm-api: 401 ")
    away = crm("import", people, "--yes", "--key", "x", CRM_URL=f"http://127.0.0.1:{free_port()}")
    assert (away.code, "does not answer" in away.err) == (1, True)
    mapping = tmp_path / "mapping.json"
    mapping.write_text("[]")
    assert crm("import", people, "--yes", "--mapping", mapping, **here).code == 2


def test_export_writes_a_file(dev, crm, tmp_path):
    here = {"CRM_API_KEY": dev.api_key, "CRM_URL": dev.url}
    target = tmp_path / "companies.ndjson"
    options = ("--out", target, "--fields", "id,name", "--sort", "name", "--json")
    done = crm("export", "companies", *options, **here)
    assert done.code == 0, done.err
    names = [json.loads(line)["name"] for line in target.read_text().splitlines()]
    assert done.json["rows"] == len(names) > 0
    assert done.json["format"] == "ndjson"
    again = crm("export", "companies", *options, **here)
    assert (again.code, "--force" in again.err) == (2, True)
    narrow = ("--filter", '{"name": {"eq": "nobody"}}', "--force", "--format", "csv")
    done = crm("export", "companies", "--out", target, "--fields", "id", *narrow, **here)
    assert done.out == f"0 rows in {target}\n"
    assert target.read_bytes() == b"id\r\n"
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_export_says_what_is_wrong(dev, crm, tmp_path):
    here = {"CRM_API_KEY": dev.api_key, "CRM_URL": dev.url}
    target = tmp_path / "file.csv"
    assert crm("export", "contacts", "--out", target, "--filter", "{", **here).code == 2
    wrong = crm("export", "contacts", "--out", target, "--fields", "gone", **here)
    assert (wrong.code, "422" in wrong.err) == (1, True)
    assert crm("export", "nothing", "--out", target, **here).code == 1
    assert not target.exists()


def test_jobs_are_listed_and_tried_again(dev, crm):
    here = {"CRM_API_KEY": dev.api_key, "CRM_URL": dev.url}
    listed = crm("jobs", "list", "--status", "failed", "--json", **here)
    assert (listed.code, listed.json["data"]) == (0, [])
    assert crm("jobs", "list", **here).code == 0
    assert crm("jobs", "retry", "--all", **here).out == "0 queued\n"
    assert crm("jobs", "retry", **here).code == 2
    missing = crm("jobs", "retry", "0197f0e4-5a1c-7c3e-9d41-3f2b8a6c7d10", **here)
    assert (missing.code, "404" in missing.err) == (1, True)


def test_dev_outlives_a_kill(tmp_path):
    data_dir, port = tmp_path / "data", free_port()
    with dev_in(data_dir, port) as first:
        key, secret = first.api_key, (data_dir / "secret_key").read_text()
        first.process.kill()
        first.process.wait()
    (data_dir / "demo.json").unlink()
    with dev_in(data_dir, port) as second:
        assert second.api_key != key
        assert (data_dir / "secret_key").read_text() == secret
        assert get(second, "/v1/contacts", key).status_code == 200
        names = [contact["name"] for contact in get(second, "/v1/contacts").json()["data"]]
        assert sorted(names) == sorted(set(names))
        children = second.children()
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(60) == 0
    assert is_free(port)
    for pid in children.values():
        wait_until(lambda pid=pid: not Path(f"/proc/{pid}").exists())
    assert not (data_dir / "postgres" / "postmaster.pid").exists()


def test_dev_ends_with_its_api(tmp_path):
    with dev_in(tmp_path / "data", free_port()) as dev:
        os.kill(dev.children()["api"], signal.SIGKILL)
        assert dev.process.wait(60) == 1
    assert "the API has ended by itself (SIGKILL)" in (tmp_path / "dev.log").read_text()


def test_missing_settings_are_one_line(crm):
    for arguments in (
        ["serve"],
        ["worker"],
        ["seed"],
        ["migrate"],
        ["reindex"],
        ["org", "create", "X"],
    ):
        done = crm(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert done.err.startswith("crm-api: CRM_DATABASE_URL is not set")
        assert done.err.count("\n") == 1
    done = crm("serve", CRM_DATABASE_URL="postgresql://localhost/x")
    assert (done.code, "CRM_SECRET_KEY is not set" in done.err) == (2, True)
    known = {"CRM_DATABASE_URL": "postgresql://localhost/x", "CRM_SECRET_KEY": SECRET}
    done = crm("serve", **known)
    assert (done.code, "CRM_ENCRYPTION_KEYS is not set" in done.err) == (2, True)
    done = crm("serve", CRM_ENCRYPTION_KEYS="f" * 63, **known)
    assert (done.code, "CRM_ENCRYPTION_KEYS" in done.err) == (2, True)
    assert "f" * 63 not in done.err
    done = crm("serve", CRM_PORT="many")
    assert (done.code, "CRM_PORT" in done.err) == (2, True)


def test_wrong_values_are_named(crm):
    for option, value in (("country", "Nowhere"), ("time-zone", "Mars/One"), ("currency", "XXQ")):
        done = crm("org", "create", "Example", f"--{option}", value)
        assert (done.code, done.err.startswith(f"crm-api: --{option}: ")) == (2, True)
    assert crm("org", "create", " ").err.startswith("crm-api: name: ")
    assert crm("nonsense").code == 2


def test_a_database_that_is_away_is_one_line(crm):
    away = {"CRM_DATABASE_URL": f"postgresql://x@127.0.0.1:{free_port()}/x"}
    for arguments in (["migrate"], ["org", "create", "X"]):
        done = crm(*arguments, CRM_SECRET_KEY=SECRET, **away)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)


def test_migrate_goes_up_and_down(crm, empty_database):
    where = {"CRM_DATABASE_URL": empty_database}
    up = crm("migrate", "--json", **where).json
    assert up["from"] is None
    assert crm("migrate", "--json", **where).json == {"from": up["to"], "to": up["to"]}
    assert crm("migrate", "--down", "base", "--json", **where).json["to"] is None
    assert "CREATE TABLE contacts" in crm("migrate", "--sql").out
    assert crm("migrate", "--to", "nonsense", **where).code == 1


def test_seed_makes_only_what_is_missing(crm, own_url):
    where = {"CRM_DATABASE_URL": own_url, "CRM_SECRET_KEY": SECRET}
    first = crm("seed", "--json", **where).json
    assert min(first["made"].values()) > 0
    second = crm("seed", "--json", **where).json
    assert (second["made"], second["api_key"]) == (
        dict.fromkeys(first["made"], 0),
        first["api_key"],
    )
    # Keys are hashed with the secret key, so none opens anything under another one.
    other = crm("seed", "--json", **{**where, "CRM_SECRET_KEY": SECRET[::-1]}).json
    assert other["api_key"] != first["api_key"]
    assert other["made"] == second["made"]


def test_rates_of_a_file_reach_every_organization_once(crm, own_url, tmp_path):
    where = {"CRM_DATABASE_URL": own_url, "CRM_SECRET_KEY": SECRET}
    ids = [crm("org", "create", name, "--json", **where).json["id"] for name in ("One", "Other")]
    file = tmp_path / "rates.csv"
    file.write_text("day,base,quote,rate\n2026-03-09,EUR,USD,1.1\n2026-03-09,EUR,CHF,0.9\n")
    some = crm("exchange", "import", file, "--organization", ids[0], "--json", **where).json
    assert (some["organizations"], some["added"]) == (1, 2)
    other = f"{ids[0][:-12]}000000000000"
    nowhere = crm("exchange", "import", file, "--organization", other, **where)
    assert (nowhere.code, nowhere.err) == (1, f"crm-api: there is no organization {other}\n")
    done = crm("exchange", "import", file, **where)
    assert (done.code, done.out) == (
        0,
        "2 rates added in 2 organizations; 2 were known, 0 stay as they were set by hand.\n",
    )
    file.write_text("day,base,quote,rate\n2026-03-09,EUR,USD,1.2\n")
    other = crm("exchange", "import", file, **where)
    assert (other.code, other.out.count("EUR/USD 2026-03-09: 1.1, now 1.2")) == (1, 2)
    file.write_text("day,base,quote,rate\n2026-03-09,EUR,USD,x\n")
    wrong = crm("exchange", "import", file, **where)
    assert (wrong.code, wrong.err.startswith("crm-api: line 2: Not a rate")) == (1, True)
    assert crm("exchange", "import", tmp_path / "gone.csv", **where).code == 2


def test_schema_writes_and_compares(crm, tmp_path):
    printed = crm("schema", "graphql")
    assert printed.code == 0
    assert crm("schema", "graphql", "--check").code == 1
    assert crm("schema", "graphql", "--write").code == 0
    (written,) = (tmp_path / "openapi").iterdir()
    assert written.read_text() == printed.out
    assert crm("schema", "graphql", "--check").code == 0
    written.write_text(printed.out.replace("ontact", "entact", 1))
    stale = crm("schema", "graphql", "--check")
    assert stale.code == 1
    assert re.search(r"^\+.*ontact", stale.err, re.MULTILINE)


@pytest.mark.parametrize(
    ("which", "name"),
    [("openapi", "openapi.json"), ("graphql", "schema.graphql"), ("events", "events.json")],
)
def test_each_schema_is_the_committed_one_whatever_the_environment(crm, which, name):
    printed = crm("schema", which, CRM_DOCS="false", CRM_PORT="9", CRM_LOG_LEVEL="error")
    assert printed.code == 0
    assert printed.out == (ROOT / "openapi" / name).read_text()


def test_settings_are_a_table(crm, tmp_path):
    table = crm("schema", "settings").out
    for name in Settings.model_fields:
        assert f"| `CRM_{name.upper()}` | " in table
    assert "One of `json`, `console`." in table
    (tmp_path / "README.md").write_text(f"# Example\n\n{table}")
    assert crm("schema", "settings", "--check").code == 0
    (tmp_path / "README.md").write_text(table.replace("8000", "80"))
    assert crm("schema", "settings", "--check").code == 1
    assert crm("schema", "settings", "--write").code == 2
    assert crm("schema", "all").code == 2


def test_every_command_explains_itself(crm):
    commands = ("dev", "serve", "worker", "migrate", "seed", "reindex", "import", "schema", "org")
    assert all(command in crm("--help").out for command in commands)
    for command in commands:
        done = crm(command, "--help")
        assert (done.code, "Exit codes" in done.out) == (0, True)
