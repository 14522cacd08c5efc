"""`consent-agent verify-receipt`: the portal's own receipts, checked without the portal."""

import json

import pytest

from consent_agent.cli import main
from consent_agent.state import State
from consent_app.audit.actions import erase_details
from consent_app.audit.models import Leaf
from consent_app.audit.receipts import receipt_for
from consent_app.people.queries import system_user
from consent_app.restrictions.actions import start_pause
from portal.lib.keys import create_keys, published_keys


@pytest.fixture
def keys(tmp_path, settings):
    """The portal's own signing keys, where the agent's tests have those of a desk."""
    settings.KEYS_DIR = tmp_path / "keys"
    settings.KEYS_DIR.mkdir()
    create_keys(settings.KEYS_DIR)


@pytest.fixture
def leaf(keys, make_employee):
    mira = make_employee()
    start_pause(employee=mira, by=mira, minutes=15)
    return Leaf.objects.get(event="pause.started")


@pytest.fixture
def receipt(leaf, tmp_path):
    path = tmp_path / "receipt.json"
    path.write_bytes(receipt_for(leaf))
    return path


@pytest.fixture
def portal_keys(keys, tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(published_keys()))
    return path


@pytest.fixture
def verify(tmp_path, capsys):
    """Run the command on a device that is not enrolled; give status, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main(["verify-receipt", *map(str, arguments), "--state", str(tmp_path / "state")])
        return status, *capsys.readouterr()

    return run


def test_says_what_a_good_receipt_proves(verify, receipt, portal_keys, leaf):
    status, output, errors = verify(receipt, "--keys", portal_keys)

    assert (status, errors) == (0, "")
    assert f"This receipt is good: entry {leaf.index} of the log says pause.started" in output
    assert f"Signed by one of the keys in {portal_keys}." in output
    assert f"  ends_at: {leaf.details.content['ends_at']}\n" in output


def test_says_so_when_the_keys_came_with_the_receipt(verify, receipt):
    status, output, errors = verify(receipt)

    assert status == 0
    assert "Signed by one of the keys in the receipt itself." in output
    assert "It does not prove that they are the portal's" in errors


def test_an_enrolled_device_believes_the_keys_it_was_given(
    verify, receipt, make_state, portal_keys
):
    make_state("https://portal.example.com", jwks=published_keys())

    status, output, errors = verify(receipt)

    assert (status, errors) == (0, "")
    assert "the keys that this device was given by https://portal.example.com" in output


def test_a_receipt_of_somebody_elses_keys_proves_nothing(verify, receipt, make_state):
    """The keys inside are not taken where others are known."""
    make_state()

    status, output, errors = verify(receipt)

    assert (status, output) == (1, "")
    assert errors == "consent-agent: This receipt proves nothing (unknown_key).\n"


def test_keys_that_were_named_go_before_those_of_the_device(
    verify, receipt, make_state, portal_keys
):
    make_state()

    assert verify(receipt, "--keys", portal_keys)[0] == 0


def test_one_changed_byte_proves_nothing(verify, receipt, portal_keys):
    content = receipt.read_bytes()

    for place in range(0, len(content), 97):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        receipt.write_bytes(spoilt)
        status, output, errors = verify(receipt, "--keys", portal_keys)
        assert (status, output) == (1, ""), place
        assert errors.startswith("consent-agent: This receipt proves nothing ("), place


def test_says_when_the_details_were_erased(verify, leaf, receipt, portal_keys):
    erase_details(index=leaf.index, actor=system_user(), reason="asked")
    receipt.write_bytes(receipt_for(leaf))

    status, output, _ = verify(receipt, "--keys", portal_keys)

    assert (status, "The details of the entry were erased." in output) == (0, True)


def test_says_when_a_file_is_not_there(verify, receipt, tmp_path):
    nowhere = tmp_path / "nowhere"

    for arguments in ([nowhere], [receipt, "--keys", nowhere], [tmp_path]):
        status, _, errors = verify(*arguments)
        assert status == 1
        assert "cannot be read" in errors


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": [{"kty": "RSA"}]}'])
def test_refuses_a_file_that_holds_no_keys(verify, receipt, tmp_path, content):
    path = tmp_path / "other.json"
    path.write_text(content)

    status, output, errors = verify(receipt, "--keys", path)

    assert (status, output) == (1, "")
    assert "refused (bad_j" in errors


def test_a_damaged_enrolment_is_not_taken_for_none(verify, receipt, tmp_path, make_state):
    make_state()
    (tmp_path / "state" / "enrolment.json").write_bytes(b"{}")

    status, output, errors = verify(receipt)

    assert (status, output) == (6, "")
    assert "was altered" in errors
    assert State.exists(tmp_path / "state")
