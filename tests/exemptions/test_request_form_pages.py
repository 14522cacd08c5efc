"""The request form: from the grounds to the request that was sent, page by page."""

from datetime import timedelta
from uuid import UUID

import pytest

from exemptions.models import ExemptionRequest, State, Verdict
from exemptions.queries import own
from exemptions.sealed import message_text
from tests.exemption_fixtures import ORDINARY, PROTECTED, SENSITIVE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

NEW = "/requests/new"


@pytest.fixture
def mira(organisation):
    return organisation.mira


@pytest.fixture
def writer(mira, grounds, sign_in):
    """Return the client of Mira, who may ask for something."""
    return sign_in(mira)


@pytest.fixture
def draft(writer):
    """Return a draft of which nothing but the grounds is chosen."""
    writer.post(NEW, {"ground": SENSITIVE})
    return ExemptionRequest.objects.get()


def page_of(request, name):
    return f"/requests/{request.pk}/{name}"


def words(response):
    """Return the text of a page as somebody reads it, on one line."""
    return " ".join(response.content.decode().split())


def test_a_request_is_written_page_by_page_and_sent(writer, mira):
    begun = writer.post(NEW, {"ground": SENSITIVE})
    draft = ExemptionRequest.objects.get()
    scope = writer.post(begun["Location"], {"about": "all", "kinds": ["keystrokes"]})
    period = writer.post(scope["Location"], {"starts_on": "2026-11-24", "until": "four_weeks"})
    statement = writer.post(period["Location"], {"statement": "My hands hurt."})

    sent = writer.post(statement["Location"])

    assert sent["Location"] == f"/requests/{draft.pk}/"
    request = fresh(draft)
    assert request.state == State.IN_REVIEW
    assert (request.applications, request.kinds) == (None, ["keystrokes"])
    assert str(request.ends_on) == "2026-12-21"
    assert message_text(request, own.statement_of(request)) == "My hands hurt."


# The grounds


def test_each_ground_says_who_reads_how_long_and_what_holds_meanwhile(writer):
    page = words(writer.get(NEW))

    assert "Confidential. Only HR, then Legal. Not your manager." in page
    assert "Confidential. Only Legal. Not your manager." in page
    assert "Jonas Lindqvist (your manager), then HR, and Legal if they are late." in page
    assert "They have 10 business days to decide: 5, then 5." in page
    assert "You are protected from the moment you send it." in page
    assert "Collection goes on until they decide." in page
    assert "does not protect you at once for 90 days" in page


def test_without_a_manager_somebody_else_decides_from_the_beginning(writer, mira):
    mira.line_manager = None
    mira.save()

    page = words(writer.get(NEW))

    assert "HR in place of a manager, then Legal" in page
    assert "your manager, then" not in page


@pytest.mark.parametrize("ground", ["", "nobody-knows", "\x00", "<script>"])
def test_no_draft_is_begun_on_grounds_that_are_not_offered(writer, ground):
    response = writer.post(NEW, {"ground": ground})

    assert response.status_code == 422
    assert not ExemptionRequest.objects.exists()


def test_drafts_can_be_taken_up_again_and_discarded(writer, draft):
    assert f'href="/requests/{draft.pk}/scope"' in writer.get(NEW).content.decode()

    writer.post(page_of(draft, "discard"))

    assert not ExemptionRequest.objects.exists()


def test_a_sixth_draft_is_refused(writer):
    for _ in range(5):
        writer.post(NEW, {"ground": ORDINARY})

    response = writer.post(NEW, {"ground": ORDINARY})

    assert response.status_code == 422
    assert "You have five drafts." in words(response)
    assert ExemptionRequest.objects.count() == 5


# The period


@pytest.mark.parametrize(
    ("until", "ends_on", "review_on"),
    [
        ({"until": "four_weeks"}, "2026-12-20", None),
        ({"until": "three_months"}, "2027-02-22", None),
        ({"until": "day", "ends_on": "2026-11-23"}, "2026-11-23", None),
        ({"until": "open"}, None, "2027-05-23"),
        ({"until": "review_day", "review_on": "2026-12-01"}, None, "2026-12-01"),
        # What is not asked for is not looked at.
        ({"until": "open", "ends_on": "nonsense"}, None, "2027-05-23"),
    ],
)
def test_a_period_has_a_last_day_or_a_day_to_look_again(writer, draft, until, ends_on, review_on):
    response = writer.post(page_of(draft, "period"), {"starts_on": "2026-11-23"} | until)

    assert response["Location"] == page_of(draft, "statement")
    kept = fresh(draft)
    assert str(kept.starts_on) == "2026-11-23"
    assert (kept.ends_on and str(kept.ends_on)) == ends_on
    assert (kept.review_on and str(kept.review_on)) == review_on


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"starts_on": "2026-11-22"}, "starts_on", "The first day is in the past."),
        ({"starts_on": "2026-02-30"}, "starts_on", "This is no day."),
        ({"starts_on": "0000-01-01"}, "starts_on", "This is no day."),
        ({"starts_on": "10000-01-01"}, "starts_on", "This is no day."),
        ({"starts_on": "1795435200000"}, "starts_on", "This is no day."),
        ({"starts_on": "9999-12-31"}, "starts_on", "more than a year away"),
        ({"starts_on": "9999-12-31", "until": "open"}, "starts_on", "more than a year away"),
        ({"starts_on": ""}, "starts_on", "Choose the first day."),
        ({"until": ""}, "until", "Choose how long."),
        ({"until": "for_ever"}, "until", "Choose how long."),
        ({"ends_on": ""}, "ends_on", "Choose the day."),
        ({"ends_on": "2026-11-22"}, "ends_on", "The last day is before the first."),
        ({"ends_on": "2036-11-22"}, "ends_on", "at most two years"),
        ({"ends_on": "2026-11-24T10:00"}, "ends_on", "This is no day."),
        ({"until": "review_day", "review_on": "2028-11-22"}, "review_on", "within a year"),
    ],
)
def test_a_period_that_can_not_be_asked_for_says_why_beside_its_field(
    writer, draft, given, field, message
):
    complete = {"starts_on": "2026-11-23", "until": "day", "ends_on": "2026-12-01"}

    response = writer.post(page_of(draft, "period"), complete | given)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert message in words(response)
    assert fresh(draft).starts_on is None


def test_the_first_day_may_be_today_where_the_requester_is(writer, mira, draft):
    mira.time_zone = "Pacific/Kiritimati"  # tomorrow there
    mira.save()
    period = {"starts_on": "2026-11-23", "until": "open"}

    yesterday = writer.post(page_of(draft, "period"), period)
    today = writer.post(page_of(draft, "period"), period | {"starts_on": "2026-11-24"})

    assert (yesterday.status_code, today.status_code) == (422, 302)


# The last look


def test_what_is_missing_leads_to_the_page_that_mends_it(writer, draft):
    response = writer.post(page_of(draft, "check"))

    assert response.status_code == 422
    assert [item.part for item in response.context["missing"]] == ["period", "statement"]
    summary = words(response).split("Before you can send it")[1].split("</div>")[0]
    assert page_of(draft, "period") in summary
    assert page_of(draft, "statement") in summary
    assert fresh(draft).state == State.DRAFT


def test_what_is_outdated_leads_to_the_page_that_mends_it(mira, make_draft, frozen_time, sign_in):
    draft = make_draft(applications=frozenset({"clion"}), days=1)
    frozen_time.shift(timedelta(days=3))
    ExemptionRequest.objects.filter(pk=draft.pk).update(applications=["no-longer-listed"])

    response = sign_in(mira).get(page_of(draft, "check"))

    assert [item.part for item in response.context["missing"]] == ["scope", "period"]


def test_the_summary_shows_all_of_it_and_what_happens_next(writer, make_draft):
    draft = make_draft(
        ground=PROTECTED, applications=frozenset({"clion"}), kinds=frozenset({"keystrokes"})
    )

    page = words(writer.get(page_of(draft, "check")))

    assert "CLion" in page
    assert "Keystrokes" in page
    assert "Monday 23 November 2026 until Friday 22 January 2027" in page
    assert "I do not want my work to train a model." in page
    assert "Jonas Lindqvist (your manager) has 3 business days to decide." in page
    # Thanksgiving and the day after lie between.
    assert "it is decided by Monday 7 December 2026 at the latest" in page
    assert "You are protected from the moment you send it." in page


def test_the_summary_says_when_sending_protects_later_or_not_again(
    writer, make_draft, make_request, decide_all
):
    draft = make_draft(ground=PROTECTED, first_day=7)
    before = words(writer.get(page_of(draft, "check")))

    decide_all(make_request(ground=PROTECTED), Verdict.DECLINE)

    assert "protected from the first day" in before
    assert "declined not long ago" in words(writer.get(page_of(draft, "check")))


def test_a_refusal_is_told_and_nothing_is_sent(writer, make_draft, make_request):
    make_request(ground=PROTECTED)
    draft = make_draft(ground=PROTECTED)

    response = writer.post(page_of(draft, "check"))

    assert response.status_code == 422
    assert "You already have a request in review for just this" in words(response)
    assert fresh(draft).state == State.DRAFT


# Whose draft it is


@pytest.mark.parametrize("name", ["scope", "period", "statement", "check"])
def test_drafts_of_others_do_not_exist(draft, organisation, sign_in, name):
    client = sign_in(organisation.jonas)
    nowhere = f"/requests/{organisation.jonas.pk}/{name}"

    for method in (client.get, client.post):
        assert method(page_of(draft, name)).status_code == 404
        assert method(nowhere).status_code == 404


@pytest.mark.parametrize("name", ["discard", "files", f"files/{UUID(int=0)}/remove"])
def test_nobody_changes_drafts_of_others(draft, organisation, sign_in, name):
    response = sign_in(organisation.jonas).post(page_of(draft, name))

    assert response.status_code == 404
    assert ExemptionRequest.objects.filter(pk=draft.pk).exists()


@pytest.mark.parametrize(
    "given", ["..%2f", "0", "-1", "9223372036854775808", "%00", "%7Buuid%7D", "x" * 100]
)
def test_what_is_no_request_does_not_exist(writer, given):
    assert writer.get(f"/requests/{given}/scope").status_code == 404


@pytest.mark.parametrize("name", ["scope", "period", "statement", "check", "discard", "files"])
def test_what_was_sent_is_not_written_any_more(writer, make_request, name):
    request = make_request()

    response = writer.post(page_of(request, name), {"statement": "Something else"})

    assert response["Location"] == f"/requests/{request.pk}/"
    assert fresh(request).version == request.version


@pytest.mark.parametrize("name", ["discard", "files"])
def test_nothing_changes_by_looking(writer, draft, name):
    assert writer.get(page_of(draft, name)).status_code == 405


@pytest.mark.parametrize(
    ("name", "most"), [("scope", 14), ("period", 9), ("statement", 18), ("check", 21)]
)
def test_a_page_asks_the_database_little(
    writer, make_draft, django_assert_max_num_queries, name, most
):
    draft = make_draft(applications=frozenset({"clion"}))

    with django_assert_max_num_queries(most):
        assert writer.get(page_of(draft, name)).status_code == 200


def test_the_first_page_asks_no_more_for_more_grounds_and_drafts(
    writer, make_draft, django_assert_max_num_queries
):
    make_draft()
    make_draft()

    with django_assert_max_num_queries(13):
        assert writer.get(NEW).status_code == 200
