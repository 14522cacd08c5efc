"""The queue of a reviewer: what stands on which tab, in which order, and for whom."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from exemptions.actions import conversation, decisions, delegations, steps, timekeeping
from exemptions.models import ExemptionRequest, ReviewStep, State, Verdict
from exemptions.queries import own, queue
from tests.conftest import NOON
from tests.exemption_fixtures import BATTERY, PROTECTED, SENSITIVE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

PAGE = "/review/"
KEYSTROKES = frozenset({"keystrokes"})


@pytest.fixture
def many_requests(make_request):
    """Return a function that fills the tables with so many requests like Mira's first."""

    def make(count: int) -> None:
        first = make_request()
        step = own.open_step(first)
        copies = ExemptionRequest.objects.bulk_create(
            ExemptionRequest(**copied(first) | {"state": State.DRAFT, "protection_id": None})
            for _ in range(count - 1)
        )
        ExemptionRequest.objects.filter(state=State.DRAFT).update(state=State.IN_REVIEW)
        ReviewStep.objects.bulk_create(
            ReviewStep(**copied(step) | {"request_id": copy.pk}) for copy in copies
        )

    return make


def copied(row):
    names = [field.attname for field in row._meta.concrete_fields if not field.primary_key]
    return {name: getattr(row, name) for name in names}


@pytest.fixture
def look(sign_in):
    """Return a function that opens the queue as somebody."""

    def look(person, **query):
        return sign_in(person).get(PAGE, query)

    return look


def names(response):
    """Return whose requests are listed, in order."""
    return [row.request.requester.name for row in response.context["rows"]]


def tabs(response):
    return {link.tab.value: link.count for link in response.context["tabs"]}


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def without_token(response) -> bytes:
    """Return the page without the token against forged requests, which is new each time."""
    return re.sub(rb'("X-CSRFToken": "|csrfmiddlewaretoken" value=")\w+', rb"\1", response.content)


def at_hr(make_request, organisation, requester, **wanted):
    """Return a request that its manager approved: it waits for HR."""
    request = make_request(requester, **wanted)
    decisions.decide(
        request=request, by=organisation.jonas, seen=request.version, verdict=Verdict.APPROVE
    )
    return fresh(request)


# What stands where


def test_a_managers_own_list_has_what_reports_ask_for(look, organisation, make_request):
    make_request(organisation.mira)

    page = look(organisation.jonas)

    assert names(page) == ["Mira Okafor"]
    assert tabs(page) == {"mine": "1", "team": "0", "overdue": "0", "waiting": "0", "decided": "0"}
    shown = words(page)
    assert "Step 1 of 2" in shown
    assert "Everything" in shown
    assert "You" in shown


def test_a_teams_step_is_mine_once_it_is_given_to_me(look, organisation, make_request):
    request = at_hr(make_request, organisation, organisation.mira)
    dana, hugo = organisation.hr

    assert names(look(dana, tab="team")) == ["Mira Okafor"]
    assert "Anybody in HR" in words(look(dana, tab="team"))
    steps.assign_step(request=request, by=dana, to=dana)

    assert names(look(dana)) == ["Mira Okafor"]
    assert names(look(dana, tab="team")) == []
    assert names(look(hugo, tab="team")) == ["Mira Okafor"]
    assert "Dana Ortiz" in words(look(hugo, tab="team"))


def test_what_waits_for_the_person_is_on_no_other_tab(look, organisation, make_request):
    request = make_request()
    conversation.ask_for_information(
        request=request, by=organisation.jonas, seen=request.version, text="Which work?"
    )

    page = look(organisation.jonas, tab="waiting")

    assert names(page) == ["Mira Okafor"]
    assert tabs(page) == {"mine": "0", "team": "0", "overdue": "0", "waiting": "1", "decided": "0"}
    assert "business days left after the answer" in words(page)


def test_what_is_overdue_says_since_when(look, organisation, make_request, frozen_time):
    request = make_request()
    frozen_time.move_to(own.open_step(request).due_at + timedelta(hours=3))

    page = look(organisation.jonas, tab="overdue")

    assert names(page) == ["Mira Okafor"]
    assert tabs(page)["mine"] == "1"
    assert "Overdue since" in words(page)


def test_who_steps_in_finds_an_overdue_step(look, organisation, make_request, frozen_time):
    request = make_request()
    dana = organisation.hr[0]
    assert names(look(dana, tab="team")) == []

    frozen_time.move_to(own.open_step(request).due_at + timedelta(hours=3))
    timekeeping.keep_time()

    assert names(look(dana, tab="team")) == ["Mira Okafor"]
    assert names(look(dana, tab="overdue")) == ["Mira Okafor"]
    assert names(look(organisation.jonas)) == ["Mira Okafor"]


def test_a_stand_in_finds_what_waits_for_who_is_away(look, organisation, make_request):
    make_request(organisation.mira)
    delegations.start_delegation(
        person=organisation.jonas,
        by=organisation.jonas,
        delegate=organisation.it[0],
        starts_at=NOON,
        ends_at=NOON + timedelta(days=3),
        reason="Leave",
    )

    page = look(organisation.it[0])

    assert names(page) == ["Mira Okafor"]
    assert "Jonas Lindqvist" in words(page)


def test_what_i_decided_says_what_i_said_and_how_it_stands(look, organisation, make_request):
    at_hr(make_request, organisation, organisation.mira)
    request = make_request(organisation.noor)
    decisions.decide(
        request=request,
        by=organisation.jonas,
        seen=request.version,
        verdict=Verdict.DECLINE,
        code="ground_not_met",
        text="It is not covered.",
    )

    page = look(organisation.jonas, tab="decided")

    assert sorted(names(page)) == ["Mira Okafor", "Noor Haddad"]
    assert {row.said for row in page.context["rows"]} == {"approved", "declined"}
    assert {row.request.state for row in page.context["rows"]} == {"in_review", "declined"}
    assert tabs(page)["decided"] == "2"


def test_the_newest_decision_stands_first(look, organisation, make_request, frozen_time):
    at_hr(make_request, organisation, organisation.mira)
    frozen_time.shift(60)
    at_hr(make_request, organisation, organisation.noor)

    assert names(look(organisation.jonas, tab="decided")) == ["Noor Haddad", "Mira Okafor"]


def test_the_most_urgent_stands_first(look, organisation, make_request, frozen_time):
    make_request(organisation.mira)
    make_request(organisation.noor)
    later = ReviewStep.objects.get(request__requester=organisation.mira)
    ReviewStep.objects.filter(pk=later.pk).update(due_at=later.due_at + timedelta(days=1))

    assert names(look(organisation.jonas)) == ["Noor Haddad", "Mira Okafor"]


def test_nobody_finds_their_own_request(look, organisation, make_request):
    make_request(organisation.hr[0], ground=SENSITIVE)
    dana, hugo = organisation.hr

    assert names(look(dana, tab="team")) == []
    assert names(look(hugo, tab="team")) == ["Dana Ortiz"]


def test_confidential_requests_say_so_and_can_not_be_chosen(look, organisation, make_request):
    confidential = make_request(ground=SENSITIVE)
    ordinary = at_hr(make_request, organisation, organisation.noor)

    page = look(organisation.hr[0], tab="team")

    assert "Confidential" in words(page)
    assert f'value="{ordinary.pk}"' in page.content.decode()
    assert f'value="{confidential.pk}"' not in page.content.decode()
    assert reverse("review-case", args=[confidential.pk]) in page.content.decode()


def test_what_is_asked_is_said_in_short(look, organisation, make_request):
    make_request(applications=frozenset({"apple-numbers", "clion", "calendly"}), kinds=KEYSTROKES)
    make_request(organisation.noor, kinds=frozenset({"keystrokes", "mouse_click"}))

    shown = words(look(organisation.jonas))

    assert "Calendly and 2 more; keystrokes" in shown
    assert "Everywhere; keystrokes and mouse clicks" in shown


# Search, filters, pages


def test_search_by_name_and_filters_narrow_the_list_and_not_the_counts(
    look, organisation, make_request
):
    make_request(organisation.mira)
    make_request(organisation.noor, ground=BATTERY)

    assert names(look(organisation.jonas, search="okaf")) == ["Mira Okafor"]
    assert names(look(organisation.jonas, ground=BATTERY)) == ["Noor Haddad"]
    assert names(look(organisation.jonas, state="appealed")) == []
    assert names(look(organisation.jonas, tab="mine", state="in_review", search="")) != []
    assert tabs(look(organisation.jonas, search="okaf"))["mine"] == "2"
    assert "No request matches" in words(look(organisation.jonas, search="zzz"))


@pytest.mark.parametrize(
    "query",
    [
        {"page": "-1"},
        {"page": "0"},
        {"page": "one"},
        {"tab": "everything"},
        {"ground": "no-such"},
        {"ground": SENSITIVE},
        {"state": "draft"},
        {"tab": "waiting", "state": "in_review"},
        {"tab": "decided", "state": "secret"},
        {"page_size": "1000000000"},
        {"order_by": "password"},
        {"search": "a" * 121},
        {"search": "a\0b"},
        {"request__requester__password": "x"},
        {"_connector": "OR 1=1"},
    ],
)
def test_refuses_what_it_does_not_know(look, organisation, make_request, query):
    make_request()

    assert look(organisation.jonas, **query).status_code == 400


def test_a_page_that_is_not_there_is_not_found(look, organisation, grounds):
    assert look(organisation.jonas, page="2").status_code == 404


def test_long_lists_come_in_pages_of_25_and_counts_end_at_99(look, organisation, many_requests):
    many_requests(120)

    first = look(organisation.jonas)
    last = look(organisation.jonas, page=5)

    assert (len(names(first)), len(names(last))) == (25, 20)
    assert not {row.step.pk for row in first.context["rows"]} & {
        row.step.pk for row in last.context["rows"]
    }
    assert tabs(first)["mine"] == "99+"
    assert "Page 1 of 5" in words(first)


def test_a_list_ends_somewhere_and_says_so(look, organisation, many_requests):
    many_requests(queue.MOST_LISTED + 3)

    page = look(organisation.jonas)

    assert "The first 500 are listed." in words(page)
    assert page.context["page"].paginator.count == queue.MOST_LISTED


def test_the_number_of_queries_does_not_grow(
    look, organisation, many_requests, django_assert_max_num_queries
):
    many_requests(30)
    person = organisation.jonas
    look(person)

    with django_assert_max_num_queries(30):
        look(person)
    with django_assert_max_num_queries(30):
        look(person, tab="decided")


# Who may


@pytest.mark.parametrize("who", ["mira", "owner", "auditor"])
def test_the_page_is_for_reviewers(look, organisation, make_request, who):
    make_request()

    answer = look(getattr(organisation, who))

    assert answer.status_code == 403
    assert "does not have the role" in words(answer)


def test_whoever_has_no_role_reads_the_same_whatever_there_is(look, organisation, make_request):
    before = without_token(look(organisation.auditor))

    make_request(organisation.mira, ground=SENSITIVE)
    make_request(organisation.noor)

    assert without_token(look(organisation.auditor)) == before


def test_only_reading_is_possible(sign_in, organisation):
    assert sign_in(organisation.jonas).post(PAGE).status_code == 405


# What a manager must not learn


@pytest.mark.parametrize("tab", queue.Tab.values)
def test_a_managers_page_is_the_same_whether_or_not_a_report_has_a_confidential_request(
    look, organisation, make_request, decide_all, frozen_time, tab
):
    at_hr(make_request, organisation, organisation.noor)
    make_request(organisation.noor, ground=PROTECTED)
    frozen_time.shift(60 * 60 * 24 * 30)
    timekeeping.keep_time()
    without = without_token(look(organisation.jonas, tab=tab))

    pending = make_request(organisation.mira, ground=SENSITIVE)
    decided = decide_all(make_request(organisation.mira, ground=SENSITIVE, kinds=KEYSTROKES))

    assert without_token(look(organisation.jonas, tab=tab)) == without
    assert fresh(pending).is_pending
    assert not decided.is_pending


def test_so_is_the_page_of_a_manager_who_reviews_for_hr(look, organisation, make_request):
    dana = organisation.hr[0]
    organisation.mira.line_manager = dana
    organisation.mira.save(update_fields=["line_manager"])
    make_request(organisation.noor, ground=SENSITIVE)
    without = {tab: without_token(look(dana, tab=tab)) for tab in queue.Tab.values}

    make_request(organisation.mira, ground=SENSITIVE)

    assert {tab: without_token(look(dana, tab=tab)) for tab in queue.Tab.values} == without
