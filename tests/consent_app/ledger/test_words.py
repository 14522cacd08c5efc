"""Every reason has words of its own, or those of another rule."""

import pytest

from consent_agent.protocol.decision import Reason
from consent_app.ledger.words import bytes_in_words, why_not

NAMELESS = {Reason.ALLOWED, Reason.RESTRICTED}


def test_only_a_rule_of_a_later_version_has_no_words():
    nameless = {reason for reason in Reason if why_not(reason.value) == why_not("later")}

    assert nameless == NAMELESS


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (5300, "5.3 kB"), (20_000_000, "20 MB")],
)
def test_amounts_of_data_read_as_people_say_them(count, words):
    assert bytes_in_words(count) == words
