"""docs/data-stores.md and section 14 of the policy say what the code does."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from consent_app.erasure import rules
from consent_app.erasure.api.views import MAX_BODY_BYTES, STATUS_OF_REFUSAL
from consent_app.erasure.messages import order_message, read_confirmation
from consent_app.erasure.sending import MOST_BYTES, TIMEOUT
from consent_app.erasure.webhooks import TOLERANCE, read_key, signed_headers

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/data-stores.md").read_text(encoding="utf-8")
POLICY = (ROOT / "docs/policy.md").read_text(encoding="utf-8")


def example(name):
    return re.search(rf"<!-- example: {name} -->\n```json\n(.+?)\n```", PAGE, re.DOTALL)[1]


def test_the_order_of_the_page_has_the_members_that_orders_have(
    make_employee, make_store, order, sent_to
):
    store = make_store()

    sent = json.loads(order_message(sent_to(order(make_employee()), store)))

    shown = json.loads(example("order"))
    assert sent.keys() == shown.keys()
    assert sent["data"].keys() == shown["data"].keys()


def test_the_confirmation_of_the_page_is_taken():
    said = read_confirmation(example("confirmation").encode())

    assert (said.used_in_training, said.records) == ("no", 41)


def test_the_signature_of_the_page_is_right():
    key, message_id, timestamp, body, signature = re.search(
        r"the key `(.+?)`, the id `(.+?)`,\nthe timestamp `(.+?)` and the body `(.+?)` "
        r"the signature is\n`(.+?)`",
        PAGE,
    ).groups()

    at = datetime.fromtimestamp(int(timestamp), tz=UTC)
    signed = signed_headers(body.encode(), message_id=message_id, at=at, keys=[read_key(key)])
    assert signed["webhook-signature"] == signature


def test_every_code_of_a_refused_confirmation_is_listed():
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)
    listed = {code: int(status) for status, code in rows}

    source = (ROOT / "consent_app/erasure/api/views.py").read_text(encoding="utf-8")
    raised = re.findall(r'_problem\((\d{3}), "(\w+)"', source)
    assert listed == STATUS_OF_REFUSAL | {code: int(status) for status, code in raised}


def test_the_numbers_of_the_page_are_those_of_the_code():
    assert f"{rules.STORE_DEADLINE.total_seconds() / 3600:.0f} hours" in PAGE
    assert f"{TOLERANCE.total_seconds() / 60:.0f} minutes" in PAGE
    assert f"up to {rules.LONGEST_WAIT.total_seconds() / 3600:.0f} hours" in PAGE
    assert f"{rules.MOST_ATTEMPTS} times" in PAGE
    assert f"{rules.FIRST_WAIT.total_seconds():.0f} seconds" in PAGE
    assert f"{TIMEOUT.read:.0f} seconds" in PAGE
    assert f"{MOST_BYTES // 1024} KiB" in PAGE
    assert f"{MAX_BODY_BYTES // 1024} KiB" in PAGE


def test_the_policy_says_the_numbers_of_orders():
    section = POLICY.split("\n## 14. ")[1].split("\n## ")[0]

    said = [int(figure) for figure in re.findall(r"^\| .+ \| (\d+) \|$", section, re.MULTILINE)]

    assert said == [
        rules.MOST_APPLICATIONS,
        rules.MOST_OPEN_ORDERS,
        rules.DEVICE_DEADLINE.total_seconds() / 3600,
        rules.STORE_DEADLINE.total_seconds() / 3600,
        rules.KEPT_IN_POLICY.days,
        rules.ESCALATED_EVERY.total_seconds() / 3600,
    ]
    assert ", ".join(map(str, rules.LAST_MINUTES[:-1])) in section
    assert f"fewer than {rules.SMALLEST_GROUP}" in section
