"""The documents say what stands: names, links, examples and tables are held against the code."""

import hashlib
import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from consent_agent.acceptance import Floors, SignedDocuments, accept
from consent_agent.client import MAX_DOCUMENT_BYTES
from consent_agent.protocol.canonical import canonical_json, content_digest
from consent_agent.protocol.counterparties import CounterpartyFilter
from consent_agent.protocol.decision import Reason, Subject, decide
from consent_agent.protocol.documents import Acknowledgement
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import (
    ROLE_BY_TYP,
    KeySet,
    decode_base64url,
    read_public_jwk,
    verify_with_key,
)
from consent_agent.protocol.keys import read_payload
from consent_agent.protocol.kinds import NEVER_COLLECTED
from consent_agent.protocol.matching import Register
from consent_agent.protocol.safeguards import PASSWORD_FIELDS
from consent_agent.spool import Batch
from consent_app.access import actions as access_actions
from consent_app.access import rules as access_rules
from consent_app.contacts import delivery, filters, links
from consent_app.contacts import rules as contact_rules
from consent_app.contacts.actions.filters import KEPT_AFTER_USE, LEAVING_TAKES
from consent_app.contacts.views import LOOK_UPS_PER_HOUR
from consent_app.devices import key_sets
from consent_app.devices.actions import keys as key_actions
from consent_app.devices.api import schemas
from consent_app.devices.api.endpoint import CODE_OF_VALIDATION
from consent_app.devices.api.openapi import PROBLEM
from consent_app.devices.api.problems import STATUS_OF_REFUSAL
from consent_app.devices.freshness import WINDOW_SECONDS
from consent_app.devices.limits import DeviceLimit, calls_limit, wrong_tokens_limit
from consent_app.devices.policy import BUDGET
from consent_app.ledger import rules as ledger_rules
from exemptions import rules
from exemptions.actions import drafts, openings
from exemptions.actions.routes import GROUNDS
from exemptions.files import MAX_FILE_BYTES, MAX_FILES
from portal.contacts_page import CHOICES_PER_HOUR

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "agent/README.md"])
PROTOCOL = (ROOT / "docs/agent-protocol.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")

# The Apache License 2.0 as published, without its empty first line.
LICENCE = "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"

every_document = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def section(text: str, title: str) -> str:
    """Return a document's section, from its heading to the next of that level."""
    body = text.split(f"\n## {title}", 1)[1]
    return body.split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of the tables in `text`, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {index - 1 for index, line in enumerate(lines) if line.startswith("| ---")}
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for index, line in enumerate(lines)
        if index not in heads and not line.startswith("| ---")
    ]


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def anchor(heading: str) -> str:
    """Return the name that a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return {anchor(found) for found in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


# Names


@every_document
def test_names_only_commands_that_exist(path):
    named = set(re.findall(r"manage\.py ([a-z_]+)", path.read_text(encoding="utf-8")))

    assert named <= get_commands().keys()


@every_document
def test_names_only_targets_that_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))

    named = re.findall(r"(?:`|^)make ([a-z][a-z-]*)", path.read_text("utf-8"), re.MULTILINE)

    assert set(named) <= targets


def test_the_readme_lists_every_target():
    targets = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))

    listed = re.findall(r"^\| `make ([a-z-]+)`", README, re.MULTILINE)

    assert set(listed) == targets


def test_the_map_names_only_what_exists():
    tree = section(README, "Map").split("```")[1]

    missing, folders = [], [ROOT]
    for line in tree.strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth + 1 :] = [folders[depth] / line.split()[0]]
        if not folders[-1].exists():
            missing.append(line)

    assert missing == []


@every_document
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")

    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+://", target):
            continue
        file, _, name = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (name and name not in anchors(there)):
            broken.append(target)

    assert broken == []


def test_the_life_of_a_pause_names_functions_where_they_are():
    steps = rows(section(ARCHITECTURE, "3. The life of a pause"))

    wrong = []
    for _, where, _ in steps:
        file, *names = codes(where)
        wrong += [f"{file} {name}" for name in names if not defines(file, name)]

    assert len(steps) == 12
    assert wrong == []


def defines(file: str, name: str) -> bool:
    places = [ROOT / file, ROOT / "consent_app" / file, ROOT / "agent/consent_agent" / file]
    path = next(path for path in places if path.exists())
    return re.search(rf"def {re.escape(name)}\(", path.read_text(encoding="utf-8")) is not None


def test_the_code_cites_sections_of_the_policy_that_exist():
    policy = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    rooms = ("consent_app", "exemptions", "portal")
    sources = [path for room in rooms for path in ROOT.glob(f"{room}/**/*.py")]

    cited = {
        number
        for path in sources
        for number in re.findall(r"docs/policy\.md, section (\d+)", path.read_text("utf-8"))
    }

    assert cited
    assert all(f"\n## {number}. " in policy for number in cited)


def test_the_policy_says_what_the_agent_may_cost():
    policy = (ROOT / "docs/policy.md").read_text(encoding="utf-8")

    cells = [cell for row in rows(section(policy, "5.")) for cell in row]

    figures = {int(figure.replace(",", "")) for figure in re.findall(r"\d[\d,]*", " ".join(cells))}
    assert figures == set(BUDGET.values())


POLICY = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
TEAMS = {"manager": "line manager", "hr_reviewer": "HR", "legal_reviewer": "Legal"}
TEAMS["it_administrator"] = "IT"


def test_the_policy_lists_the_grounds_and_routes_that_come_with_the_portal():
    listed = rows(section(POLICY, "8. Exemptions").split("### Numbers")[0])

    shipped = tomllib.loads(GROUNDS.read_text(encoding="utf-8"))["ground"]
    assert listed == [
        [
            ground["name"],
            yes_or_no(ground["sensitive"]),
            ", ".join(step_in_words(step) for step in ground["steps"]),
            yes_or_no(ground["protects"]),
            TEAMS[ground["appeal"]],
        ]
        for ground in shipped
    ]


def yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def step_in_words(step: dict) -> str:
    people = ", two people," if step.get("people", 1) == 2 else ""
    return f"{TEAMS[step['reviewer']]}{people} {step['days']} + {step['grace']}"


def test_the_policy_says_the_numbers_of_exemptions():
    said = rows(section(POLICY, "8. Exemptions").split("### Numbers")[1].split("###")[0])

    figures = [
        [
            int(figure.replace(",", ""))
            for figure in re.findall(r"\d[\d,]*", amount.replace(", ", " "))
        ]
        for _, amount in said
    ]
    assert figures == [
        [rules.MAX_TEXT],
        [MAX_FILES],
        [MAX_FILE_BYTES // 1024**2],
        [drafts.MAX_DRAFTS],
        [rules.MAX_OPEN_REQUESTS],
        [rules.MAX_SENT],
        [rules.MAX_ADDITIONS],
        [rules.LATEST_START.days],
        [rules.LONGEST_PERIOD.days],
        [rules.REVIEW_WITHIN.days],
        [rules.APPEAL_WITHIN.days],
        [rules.RENEWABLE_FROM.days],
        [rules.REVOCATION_NOTICE_DAYS],
        [rules.UNPROTECTED_AFTER_DECLINE.days],
        [rules.WITHDRAWALS_FORGIVEN],
        [rules.MAX_QUESTIONS],
        list(rules.REMINDED_BEFORE_END),
        [rules.LONGEST_DELEGATION],
        [openings.MOST_OPENINGS],
        [settings.STEP_UP_SECONDS // 60],
    ]
    assert openings.OPENINGS_WINDOW.total_seconds() == 10 * 60


def test_the_policy_says_the_limits_of_the_agent_api():
    said = [
        [float(figure) for figure in amount.split(", ")]
        for _, amount in rows(section(POLICY, "6. Freshness"))
    ]

    polls, calls, tokens = DeviceLimit(), calls_limit(), wrong_tokens_limit()
    assert said[1:] == [
        [WINDOW_SECONDS],
        [polls.burst, polls.per_second],
        [tokens.burst, tokens.per_second],
        [calls.burst, calls.per_second],
    ]


def test_the_policy_says_the_numbers_of_copies():
    said = [int(amount) for _, amount in rows(section(POLICY, "15. The log and I"))]

    assert said == [
        1,
        access_rules.ASKED_AGAIN_AFTER.total_seconds() / 3600,
        access_rules.KEPT_FOR.days,
        settings.STEP_UP_SECONDS / 60,
        access_actions.MAX_ATTEMPTS,
    ]


def test_the_policy_says_the_numbers_of_keys():
    said = [int(amount) for _, amount in rows(section(POLICY, "16. Keys"))]

    assert said == [
        key_actions.ANNOUNCED_FOR.days,
        key_actions.OVERLAP.total_seconds() / 3600,
        key_sets.VALID_FOR.days,
        key_sets.SIGNED_AGAIN_AFTER.days,
    ]


def test_the_policy_says_the_numbers_of_indirect_collection():
    said = [
        int(amount.replace(",", ""))
        for _, amount in rows(section(POLICY, "11. Indirect collection"))
    ]

    # A device asks for the address and for each level of its domain, of which nine are many.
    most_errors = 10 * filters.ERRORS_PER_QUESTION
    assert said == [
        settings.CELERY_BEAT_SCHEDULE["keep-counterparties"]["schedule"],
        LEAVING_TAKES.total_seconds() // 3600,
        pytest.approx(1_000 * most_errors),
        MAX_DOCUMENT_BYTES // 1024**2,
        contact_rules.MOST_LINES,
        links.LINKS_LAST.total_seconds() // 3600,
        delivery.LINKS_PER_HOUR,
        LOOK_UPS_PER_HOUR,
        CHOICES_PER_HOUR,
        KEPT_AFTER_USE.total_seconds() // 3600,
    ]


def test_the_policy_says_the_numbers_of_the_ledger():
    said = rows(section(POLICY, "10. The ledger"))

    assert [int(figure) for _, figure in said] == [
        ledger_rules.RETENTION.days,
        ledger_rules.OLDEST_REPORT.days,
        ledger_rules.MOST_INCIDENTS_OF_A_DEVICE,
        ledger_rules.EXPLAINED_INCIDENTS_SHOWN.days,
    ]


def test_the_architecture_names_files_of_the_ledger_that_exist():
    table = section(ARCHITECTURE, "10. The ledger")

    named = [name for row in rows(table) for name in codes(row[0])]

    assert len(named) == 9
    assert all((ROOT / "consent_app/ledger" / name).exists() for name in named)


def test_the_architecture_names_files_of_exemptions_that_exist():
    table = section(ARCHITECTURE, "7. Exemptions")

    named = [name for row in rows(table) for name in codes(row[0])]

    there = [
        (ROOT / "exemptions" / name, ROOT / name) for name in named if "/" in name or "." in name
    ]
    assert len(named) == len(there) > 10
    assert all(inside.exists() or outside.exists() for inside, outside in there)


def test_operations_sets_only_variables_that_are_explained():
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    used = set(re.findall(r"^([A-Z_]+)=", section(OPERATIONS, "4. Environment"), re.MULTILINE))

    assert used
    assert used <= explained


def test_the_licence_is_the_published_text():
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()

    assert digest == LICENCE


# The agent protocol: examples


def example(name: str):
    found = re.search(rf"<!-- example: {name} -->\n```json\n(.+?)\n```", PROTOCOL, re.DOTALL)
    assert found, name
    return json.loads(found[1])


@pytest.fixture
def answer():
    return SignedDocuments(**example("answer"))


@pytest.fixture
def accepted(answer):
    """The page's three documents, as a device takes them a moment later."""
    return accept(
        answer,
        keys=KeySet.from_jwks(example("jwks")),
        device=example("device-policy-payload")["device"],
        floors=Floors(),
        now=datetime(2026, 11, 23, 10, 2, 2, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("payload", "document"),
    [
        ("device-policy-payload", lambda: example("answer")["device"]),
        ("ceiling-payload", lambda: example("answer")["ceiling"]),
        ("freshness-payload", lambda: example("answer")["freshness"]),
        ("acknowledgement-payload", lambda: example("acknowledgement")["jws"]),
    ],
)
def test_each_payload_is_what_its_document_holds(payload, document):
    held = decode_base64url(document().split(".")[1])

    assert held == canonical_json(example(payload))


def test_the_documents_pass_every_check_while_fresh(accepted):
    assert accepted.policy.version == accepted.freshness.device_version == 17


def test_the_documents_are_refused_when_freshness_is_over(answer, accepted):
    with pytest.raises(DocumentRefused, match="expired"):
        accept(
            answer,
            keys=KeySet.from_jwks(example("jwks")),
            device=accepted.policy.device,
            floors=Floors(),
            now=accepted.freshness.expires_at,
        )


def test_the_ceiling_names_the_register_of_the_page(accepted):
    document = canonical_json(example("register"))

    assert content_digest(document) == accepted.ceiling.register


@pytest.mark.parametrize(
    ("application", "minutes", "reason"),
    [
        ("slack", 1, Reason.PAUSE),
        ("slack", 15, Reason.ALLOWED),
        ("1Password.exe", 15, Reason.EXCLUDED),
        ("unknown.exe", 15, Reason.NOT_IN_REGISTER),
    ],
)
def test_the_documents_decide_as_the_page_says(accepted, application, minutes, reason):
    verdict = decide(
        Subject(application=application),
        kind="keystrokes",
        at=accepted.policy.issued_at + timedelta(minutes=minutes),
        register=Register.from_document(canonical_json(example("register"))),
        ceiling=accepted.ceiling,
        policy=accepted.policy,
        freshness_deny=accepted.freshness.deny,
    )

    assert verdict.reason is reason


def test_the_filter_protects_those_whom_the_page_names():
    held = CounterpartyFilter.from_document(canonical_json(example("counterparties")))

    asked = ["mira@example.com", "anybody@mail.example.eu", "dana@example.com"]

    assert [held.protects(address) for address in asked] == [True, True, False]


def test_the_acknowledgement_is_signed_by_the_key_of_the_page(accepted):
    jwk = re.search(r'key of this example is\s`(\{"kty".+?\})`', PROTOCOL)

    payload = verify_with_key(
        example("acknowledgement")["jws"],
        typ="acknowledgement+jws",
        public_key=read_public_jwk(json.loads(jwk[1])),
    )

    said = Acknowledgement.from_payload(payload)
    assert (said.device_digest, said.ceiling_digest) == (
        accepted.device_digest,
        accepted.ceiling_digest,
    )


def test_the_key_set_is_what_agents_read():
    named = read_payload(canonical_json(example("keys-payload")))

    assert named.of_role("policy").keys() == {example("jwks")["keys"][1]["kid"]}
    assert [key.until for key in named.of_role("checkpoint").values()] == [
        datetime(2026, 11, 25, 9, tzinfo=UTC)
    ]


def test_the_bodies_are_what_the_api_takes():
    enrolment = schemas.Enrolment.model_validate(example("enrolment"))
    pause = schemas.Pause.model_validate(example("pause"))
    ledger = schemas.Ledger.model_validate(example("ledger"))

    assert (enrolment.hostname, pause.minutes) == ("LAPTOP-1", 15)
    assert (ledger.reports[0].captured, ledger.cost[0].battery_mwh) == (12, None)


def test_the_batch_is_what_the_spool_reads():
    batch = Batch.from_line(canonical_json(example("batch")))

    assert batch.line() == canonical_json(example("batch")) + b"\n"


def test_the_problem_has_the_members_that_problems_have():
    problem = example("problem")

    assert set(PROBLEM["required"]) <= problem.keys() <= PROBLEM["properties"].keys()


def test_says_what_is_never_captured_whatever_the_register_says():
    said = section(PROTOCOL, "8. ").split("```")[1].split()

    assert " ".join(said) == f"{PASSWORD_FIELDS.pattern} {NEVER_COLLECTED}"


# The agent protocol: tables


def read_all(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py"))


def test_lists_every_type_of_signed_document_with_its_role():
    listed = {codes(row[0])[0]: codes(row[1])[0] for row in rows(section(PROTOCOL, "4. "))}

    assert listed == dict(ROLE_BY_TYP)


def test_lists_every_code_of_a_refused_document():
    raised = set(re.findall(r'DocumentRefused\(\s*"(\w+)"', read_all("agent/consent_agent")))

    checks = section(PROTOCOL, "7. ").split("Answers that no portal would give")[0]
    assert {codes(row[0])[0] for row in rows(checks)} == raised | {"bad_register"}


def test_lists_every_code_of_a_refused_answer():
    raised = set(re.findall(r'AnswerRefused\(\s*"(\w+)"', read_all("agent/consent_agent")))

    answers = section(PROTOCOL, "7. ").split("Answers that no portal would give")[1]
    assert {codes(row[0])[0] for row in rows(answers)} == raised


def test_lists_every_reason_of_a_verdict():
    listed = [code for row in rows(section(PROTOCOL, "8. ")) for code in codes(row[0])]

    assert sorted(listed) == sorted(reason.value for reason in Reason)


def problems(part: str) -> set[tuple[int, str]]:
    return {(int(row[0]), codes(row[1])[0]) for row in rows(part)}


def test_lists_every_refusal_with_its_status():
    refusals = section(PROTOCOL, "11. ").split("Refusals of one call")[1]

    assert problems(refusals) == {(status, code) for code, status in STATUS_OF_REFUSAL.items()}


def test_lists_every_other_problem_with_its_status():
    source = read_all("consent_app/devices")
    raised = re.findall(r'(?:ProblemError|problem)\(\s*(\d{3}),\s*"(\w+)"', source)
    pages = re.findall(r'(\d{3}): "(\w+)"', (ROOT / "portal/views.py").read_text("utf-8"))
    unnamed = {(415, "unsupported_encoding"), (400, "duplicate_key"), (400, "invalid_json")}
    wrong_fields = {(422, code) for code in {*CODE_OF_VALIDATION.values(), "invalid_value"}}

    general = section(PROTOCOL, "11. ").split("Refusals of one call")[0]

    found = {(int(status), code) for status, code in [*raised, *pages]}
    assert problems(general) == found | unnamed | wrong_fields
