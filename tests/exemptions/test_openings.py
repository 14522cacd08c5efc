"""Reading a request as a reviewer: the employee sees who did, and many at once are refused."""

import pytest

from exemptions.actions.openings import MOST_OPENINGS, open_case
from exemptions.errors import TooManyOpenings
from exemptions.queries.history import history_of, openings_of
from tests.conftest import NOON
from tests.exemption_fixtures import ORDINARY, SENSITIVE, events_of, nothing_changes, told

pytestmark = pytest.mark.usefixtures("frozen_time")


@pytest.fixture
def many(make_employee, make_request):
    """Make a request of each of some people."""

    def make(count, ground):
        return [make_request(make_employee(f"Person {n}"), ground=ground) for n in range(count)]

    return make


def test_employee_sees_who_opened_it_and_when(make_request, organisation):
    request = make_request(ground=SENSITIVE)

    open_case(request=request, by=organisation.hr[0])

    [entry] = openings_of(request)
    assert (entry.at, entry.sentence) == (NOON, "opened your request")
    assert entry.actor == "Dana Ortiz"
    assert "request.opened" not in [e.event for e in history_of(request, for_requester=True)]


def test_page_drawn_again_is_the_same_opening(make_request, organisation, frozen_time):
    request = make_request(ground=SENSITIVE)
    open_case(request=request, by=organisation.hr[0])
    frozen_time.shift(299)
    open_case(request=request, by=organisation.hr[0])
    open_case(request=request, by=organisation.hr[1])
    frozen_time.shift(1)

    open_case(request=request, by=organisation.hr[0])

    assert events_of(request).count("request.opened") == 3


def test_many_confidential_ones_are_refused_and_told(many, organisation, frozen_time):
    requests = many(MOST_OPENINGS + 2, SENSITIVE)
    dana = organisation.hr[0]
    for request in requests[:MOST_OPENINGS]:
        open_case(request=request, by=dana)

    for request in requests[MOST_OPENINGS:]:
        with pytest.raises(TooManyOpenings):
            open_case(request=request, by=dana)

    assert told(organisation.auditor) == ["openings_unusual"]
    assert "request.opened" not in events_of(requests[-1])
    open_case(request=requests[-1], by=organisation.hr[1])
    with nothing_changes():
        open_case(request=requests[0], by=dana)
    frozen_time.shift(600)
    open_case(request=requests[-1], by=dana)


def test_ordinary_ones_are_not_counted(many, organisation):
    for request in many(MOST_OPENINGS + 1, ORDINARY):
        open_case(request=request, by=organisation.jonas)

    assert told(organisation.auditor) == []


def test_the_limit_holds_at_any_time(many, organisation, frozen_time):
    requests = many(MOST_OPENINGS + 1, SENSITIVE)
    frozen_time.shift(599 - NOON.timestamp() % 600)
    for request in requests[:-1]:
        open_case(request=request, by=organisation.hr[0])
    frozen_time.shift(2)

    with pytest.raises(TooManyOpenings):
        open_case(request=requests[-1], by=organisation.hr[0])
