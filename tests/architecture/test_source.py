"""Rules of the source that no linter has."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "crm_api"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES, MAX_FUNCTION = 400, 50
# The edge and the use cases: neither talks to the database itself.
NO_QUERIES = ("service.py", "rest.py", "graphql.py", "handlers.py", "jobs.py", "module.py")

# (file, name): why it may break the rule.
ALLOWED = {
    ("platform/history/service.py", "queries"): "reads one table of the kit with fixed statements",
    ("platform/jobs/service.py", "queries"): "reads one table of the kit with fixed statements",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            yield name, node


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parsed() -> list[tuple[str, str, ast.Module]]:
    return [(name_of(path), text := path.read_text(), ast.parse(text)) for path in FILES]


SOURCES = parsed()


def every_file(rule: Callable[[tuple[str, str, ast.Module]], None]) -> Callable[[], None]:
    """Check a rule on each file and tell all that break it."""

    def check() -> None:
        broken = []
        for source in SOURCES:
            try:
                rule(source)
            except AssertionError as error:
                broken.append(f"{source[0]}: {str(error).splitlines()[0]}")
        assert not broken, "\n".join(broken)

    check.__name__ = rule.__name__
    return check


@every_file
def test_module_says_what_is_inside(source):
    name, _, tree = source
    docstring = ast.get_docstring(tree)
    assert docstring, name
    first = docstring.splitlines()[0]
    assert first.endswith((".", ":")), first
    assert not first.startswith(("Module", "This ")), first


@every_file
def test_files_and_functions_are_short(source):
    name, text, tree = source
    assert len(text.splitlines()) <= MAX_LINES, name
    # A function that only holds the routes of a router is as long as its routes.
    nested = {inner for f in functions(tree) for inner in ast.walk(f) if inner is not f}
    for function in functions(tree):
        inner = sum(
            f.end_lineno - f.lineno + 1
            for f in functions(function)
            if f is not function and f in nested
        )
        length = function.end_lineno - function.lineno + 1 - inner
        assert length <= MAX_FUNCTION or function.name == "crud_router", (name, function.name)


@every_file
def test_only_the_unit_of_work_commits(source):
    name, _, tree = source
    if name == "kit/db/tx.py" or name.startswith(("cli", "dev", "migrator")):
        return
    for called, node in calls(tree):
        if called == "commit":
            raise AssertionError(f"{name}:{node.lineno} commits")


@every_file
def test_use_cases_and_edge_select_nothing(source):
    name, _, tree = source
    last = name.rsplit("/", maxsplit=1)[-1]
    inside = name.startswith(("domains/", "platform/")) and last in NO_QUERIES
    if not inside or (name, "queries") in ALLOWED:
        return
    for called, node in calls(tree):
        assert called not in {"select", "text", "insert_into", "execute"}, f"{name}:{node.lineno}"
        wrong = called in {"fetch", "write", "ask"} and node.args
        assert not (wrong and isinstance(node.args[0], ast.Constant)), f"{name}:{node.lineno}"


@every_file
def test_nothing_of_the_framework_goes_around_the_edge(source):
    name, _, tree = source
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            renamed = {alias.asname for alias in node.names}
            assert "BaseHTTPMiddleware" not in names, name
            assert "BackgroundTasks" not in names, name
            if "HTTPException" in names:
                # The framework's own, which is only translated.
                assert name == "api/errors.py", name
                assert renamed == {"RoutingError"}
            assert node.level == 0, f"{name}:{node.lineno} is a relative import"


@every_file
def test_generator_dependencies_end_before_the_answer(source):
    name, _, tree = source
    generators = {
        f.name for f in functions(tree) if any(isinstance(n, ast.Yield) for n in ast.walk(f))
    }
    for called, node in calls(tree):
        if called != "Depends" or not node.args or not isinstance(node.args[0], ast.Name):
            continue
        if node.args[0].id in generators:
            scopes = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            assert scopes.get("scope") == "function", f"{name}:{node.lineno}"


@every_file
def test_shapes_are_worked_out_at_their_first_use(source):
    name, _, tree = source
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and name != "kit/schema.py":
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            assert "BaseModel" not in bases, f"{node.name} is made of BaseModel, not of Shape"


@every_file
def test_relationships_never_load_by_themselves(source):
    name, _, tree = source
    for called, node in calls(tree):
        if called == "relationship":
            given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            assert given.get("lazy") == "raise", f"{name}:{node.lineno}"


@every_file
def test_every_mutation_is_atomic(source):
    """`kit/graphql/mutations.py` makes them all, and sees to it."""
    name, text, _ = source
    if name != "kit/graphql/mutations.py":
        assert "strawberry.mutation" not in text, name


@every_file
def test_comments_are_clean(source):
    name, text, _ = source
    assert not re.search(r"#.*\b(TODO|FIXME|XXX|HACK)\b", text), name
    assert not re.search(r"#[^\n]*\b(we|We|our|ours)\b", text), name
    assert not re.search(r"# type: ignore(?!\[)", text), name


def test_every_package_of_a_part_has_its_own_words():
    for area in ("domains", "platform"):
        for package in sorted((SOURCE / area).iterdir()):
            if package.is_dir() and package.name != "__pycache__":
                init = package / "__init__.py"
                tree = ast.parse(init.read_text())
                assert ast.get_docstring(tree), init
                assert len(tree.body) == 1, f"{init} holds more than a docstring"


def test_domain_packages_have_only_known_files():
    """What is more than one collection has files of its own words: a contract places each."""
    known = {
        "errors", "events", "models", "schemas", "repository", "service", "handlers", "jobs",
        "rest", "graphql", "module", "importer", "merger", "matcher", "standard",
    }  # fmt: skip
    configured = tomllib.loads((SOURCE.parent.parent / "pyproject.toml").read_text())
    placed = {
        contract["containers"][0].rpartition(".")[2]: {
            re.sub(r"[() ]", "", word) for layer in contract["layers"] for word in layer.split("|")
        }
        for contract in configured["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and len(contract["containers"]) == 1
    }
    for package in sorted((SOURCE / "domains").iterdir()):
        if package.is_dir() and package.name != "__pycache__":
            found = {path.stem for path in package.glob("*.py")} - {"__init__"}
            assert found <= known | placed.get(package.name, set()), package.name
            assert {"module", "service"} <= found


def test_no_file_is_named_after_nothing():
    vague = {"utils", "helpers", "common", "misc", "manager", "util", "helper"}
    for path in FILES:
        assert not vague & set(path.relative_to(SOURCE).with_suffix("").parts), path


GATE = re.compile(r"^from crm_api\.platform\.outreach\.gate import .*", re.MULTILINE)
LEAVES = re.compile(r"\bmailer\.send\(|\b_?relay\.begin\(|\.texters\.get\(")
NOT_ASKED = {
    "platform/mail": "letters to members about their own login",
    "platform/notifications": "what members want to be told, by their own preferences",
    "platform/identity": "invitations of members",
    "platform/accounts": "letters to members about their own login",
}


def test_whoever_sends_asks_the_gate():
    """What leaves to others has asked `platform/outreach`, or says why it need not."""
    senders = {name for name, text, _ in SOURCES if LEAVES.search(text)}
    senders |= {name for name, text, _ in SOURCES if "kit.letters import post" in text}
    packages = {name.rpartition("/")[0] for name in senders if not name.startswith("kit/")}
    asking = {name.rpartition("/")[0] for name, text, _ in SOURCES if GATE.search(text)}
    assert packages - asking == NOT_ASKED.keys()
    assert {"domains/prospects", "domains/report_watch", "domains/mailings"} <= packages & asking
