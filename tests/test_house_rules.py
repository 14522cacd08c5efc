"""Rules of the house that no linter knows: access, names, and who may read and write what."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import IntConverter, SlugConverter, StringConverter, UUIDConverter

from portal import demo_cast

ROOT = Path(__file__).resolve().parents[1]
ROOMS = [*(ROOT / "consent_app").iterdir(), ROOT / "exemptions"]
# What answers requests: views, the agent API, and the pages that belong to no room.
ANSWERING = sorted(
    path
    for pattern in (
        "portal/*.py",
        "*/views.py",
        "*/views/*.py",
        "consent_app/*/views.py",
        "consent_app/*/api/*.py",
    )
    for path in ROOT.glob(pattern)
)
ACTIONS = sorted(
    path
    for room in ROOMS
    for path in (*room.glob("actions.py"), *room.glob("actions/*.py"))
)  # fmt: skip
EVENTS = sorted(path for room in ROOMS for path in room.glob("events.py"))
WRITING = sorted(
    path
    for folder in ("consent_app", "exemptions", "portal")
    for path in (ROOT / folder).rglob("*.py")
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))

# Whoever adds a page that anybody may open adds it here, and says why in the commit.
PUBLIC = {
    # signing in, and what somebody who can't needs
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    # devices, which show a token of their own where the answer is not for everybody
    "agent-acknowledgements",
    "agent-current-pause",
    "agent-enrolments",
    "agent-filter",
    "agent-keys",
    "agent-ledger",
    "agent-openapi",
    "agent-pauses",
    "agent-policy",
    "agent-register",
    "agent-unknown",
    "jwks",
    # people who take no part: each page but their own says the same to everybody
    "contact",
    "contacts",
    "contacts-asked",
    "contacts-notice",
    # programs that hold recordings; each message carries a signature
    "erasure-confirmations",
    # load balancers
    "health",
}
# These two answer this machine only, and only in the demo.
PUBLIC_IN_DEMO = {"demo-cast", "demo-sign-in"}

# What can stand in the part of an address that varies.
ANY_VALUE = {
    UUIDConverter: UUID(int=0),
    IntConverter: 1,
    SlugConverter: "word",
    StringConverter: "word",
}

each = pytest.mark.parametrize


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def patterns(resolver) -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        yield from [pattern] if isinstance(pattern, URLPattern) else patterns(pattern)


ADDRESSES = list(patterns(get_resolver("portal.urls")))


def is_public(pattern: URLPattern) -> bool:
    return not getattr(pattern.callback, "login_required", True)


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


# Access


def test_every_public_page_is_listed():
    assert {pattern.name for pattern in ADDRESSES if is_public(pattern)} == PUBLIC


def test_every_public_page_of_the_demo_is_listed():
    assert {pattern.name for pattern in demo_cast.urlpatterns} == PUBLIC_IN_DEMO


@each(
    "pattern",
    [pattern for pattern in ADDRESSES if not is_public(pattern)],
    ids=lambda pattern: pattern.name,
)
def test_every_other_page_asks_for_sign_in(client, db, pattern):
    values = {
        part: ANY_VALUE[type(converter)] for part, converter in pattern.pattern.converters.items()
    }
    path = reverse(pattern.name, kwargs=values)

    responses = [client.get(path), client.post(path)]

    for response in responses:
        assert response.status_code == 302
        assert response["Location"].startswith("/account/login/?next=")


@each("path", ANSWERING, ids=name)
def test_what_answers_requests_asks_queries_for_its_objects(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))

    managers = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"objects", "_default_manager", "_base_manager"}
    ]

    assert managers == []


# Names


@each("pattern", ADDRESSES, ids=lambda pattern: pattern.name)
def test_addresses_are_named_in_kebab_case(pattern):
    # allauth looks its own up by the names that it gave them.
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*|account(_[a-z]+)+", pattern.name)


@each("path", EVENTS, ids=name)
def test_events_are_a_noun_and_what_happened_to_it(path):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))

    events = [value for constant, value in vars(module).items() if constant.isupper()]

    assert events
    for event in events:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.([a-z]+_)*[a-z]+(ed|wn)", event)


@each("path", WRITING, ids=name)
def test_events_are_recorded_by_the_names_of_their_room(path):
    # Where the name of the event stands among the arguments.
    place = {"record": 0, "Entry": 0, "record_on": 1, "record_step": 1}
    literal = [
        call.lineno
        for call in calls(path)
        if isinstance(call.func, ast.Name)
        and call.func.id in place
        and isinstance([*call.args, None, None][place[call.func.id]], ast.Constant)
    ]

    assert literal == []


@each("path", TEMPLATES, ids=name)
def test_a_partial_has_the_name_of_its_element(path):
    text = path.read_text(encoding="utf-8")

    # One that is not inline stands nowhere in the page: it is an answer made of several elements.
    for partial in re.findall(r"{% partialdef (\S+) inline", text):
        assert len(re.findall(rf'id="{partial}(?:-{{{{[^}}]+}}}})?"', text)) == 1


@each("path", ACTIONS, ids=name)
def test_arguments_of_actions_have_names(path):
    functions = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]

    for function in functions:
        types = [ast.dump(found.annotation) for found in function.args.args]
        assert len(types) <= 2, f"{function.name}: keywords from three up"
        assert len(types) == len(set(types)), f"{function.name}: keywords for two of one type"


# Imports


@pytest.fixture
def contracts() -> list[dict]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["importlinter"]["contracts"]


def modules_in(folder: Path) -> set[str]:
    """Return the modules and packages right inside a package."""
    inside = [*folder.glob("*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
    return {f"{folder.name}.{path.stem}" for path in inside if not path.stem.startswith("__")}


def test_the_contract_about_the_wiring_names_all_of_it(contracts):
    contract = next(found for found in contracts if "portal.lib" in found.get("source_modules", ()))

    assert set(contract["forbidden_modules"]) == modules_in(ROOT / "portal") - {"portal.lib"}


def test_the_contract_about_the_agent_names_all_of_it(contracts):
    contract = next(found for found in contracts if "portal" in found.get("source_modules", ()))
    agent = modules_in(ROOT / "agent/consent_agent")

    assert set(contract["forbidden_modules"]) == agent - {"consent_agent.protocol"}


def test_the_contract_about_files_covers_every_room(contracts):
    contract = next(found for found in contracts if "containers" in found)

    rooms = {
        ".".join(room.relative_to(ROOT).parts) for room in ROOMS if (room / "apps.py").exists()
    }
    assert set(contract["containers"]) == rooms
