"""Every refusal of this room has its HTTP status in one table."""

from exemptions import errors
from exemptions.views.statuses import STATUS_OF_REFUSAL
from portal.lib.refusals import Refusal


def test_every_refusal_has_a_status():
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    refusals = {kind for kind in kinds if issubclass(kind, Refusal)} - {Refusal}

    assert STATUS_OF_REFUSAL.keys() == refusals


def test_every_refusal_has_a_code_of_its_own():
    assert len({kind.code for kind in STATUS_OF_REFUSAL}) == len(STATUS_OF_REFUSAL)
