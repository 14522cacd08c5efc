"""Deciding several requests together: each for itself, with its own reason."""

import re
import uuid

import pytest

from consent_app.audit.models import Leaf
from exemptions import events
from exemptions.actions import decisions, submission
from exemptions.actions.drafts import Covering
from exemptions.errors import OpenOneByOne
from exemptions.models import Decision, State, Verdict
from exemptions.sealed import decision_text
from tests.exemption_fixtures import SENSITIVE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

PAGE = "/review/bulk"
REASON = "It fits the grounds."


@pytest.fixture
def jonas(sign_in, organisation):
    """Return the client of the manager of Mira and Noor."""
    return sign_in(organisation.jonas)


@pytest.fixture
def two(make_request, organisation):
    """Return requests of Mira and of Noor, which wait for Jonas."""
    return [make_request(organisation.mira), make_request(organisation.noor)]


def filled(request, **changed):
    """Return what the form of one request sends."""
    words = {"seen": request.version, "verdict": "approve", "code": "", "text": REASON} | changed
    return {f"{request.pk}-{name}": value for name, value in words.items()}


def sent(*forms, requests):
    return {"request": [request.pk for request in requests]} | {
        name: value for form in forms for name, value in form.items()
    }


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def opened(request):
    subject = f"exemptionrequest:{request.pk}"
    return Leaf.objects.filter(subject=subject, event=events.REQUEST_OPENED).count()


# The page


def test_each_request_stands_there_with_its_own_form(jonas, two):
    page = jonas.get(PAGE, {"request": [request.pk for request in two]})

    assert page.status_code == 200
    html = page.content.decode()
    for request in two:
        assert f'name="{request.pk}-text"' in html
        assert f'name="{request.pk}-seen" value="{request.version}"' in html
    assert "I do not want my work to train a model." in words(page)
    assert "Step 1 of 2" in words(page)


def test_reading_it_is_logged_for_each(jonas, two):
    jonas.get(PAGE, {"request": [two[0].pk]})

    assert [opened(request) for request in two] == [1, 0]


def test_what_was_written_is_shown_with_what_can_not_be_seen(jonas, make_request):
    request = make_request(text="Pay \u202eline\nsecond <b>line</b>")

    html = jonas.get(PAGE, {"request": [request.pk]}).content.decode()

    assert "Pay [U+202E]line" in html
    assert "second &lt;b&gt;line&lt;/b&gt;" in html


def test_what_is_not_there_for_the_reader_is_only_counted(jonas, two, make_request, organisation):
    foreign = make_request(organisation.legal[0])
    confidential = make_request(organisation.mira, ground=SENSITIVE)

    answers = [
        jonas.get(PAGE, {"request": [two[0].pk, other]})
        for other in (uuid.uuid4(), foreign.pk, confidential.pk)
    ]

    assert (
        len({re.sub(r'(token" value="|Token": ")\w+', "", a.content.decode()) for a in answers})
        == 1
    )
    assert "1 of those you chose does not wait for you any more." in words(answers[0])


@pytest.mark.parametrize("chosen", [["no-id"], ["1"], [str(uuid.uuid4()) for _ in range(51)]])
def test_refuses_what_was_never_offered(jonas, chosen):
    assert jonas.get(PAGE, {"request": chosen}).status_code == 400
    assert jonas.post(PAGE, {"request": chosen}).status_code == 400


def test_nothing_chosen_says_what_to_do(jonas, grounds):
    assert "No request is chosen" in words(jonas.get(PAGE))
    assert jonas.post(PAGE).status_code == 422


@pytest.mark.parametrize("who", ["mira", "owner", "auditor"])
def test_the_page_is_for_reviewers(sign_in, organisation, two, who):
    client = sign_in(getattr(organisation, who))

    assert client.get(PAGE, {"request": [two[0].pk]}).status_code == 403
    assert client.post(PAGE, sent(filled(two[0]), requests=two[:1])).status_code == 403
    assert not Decision.objects.exists()


# Deciding


def test_each_is_decided_with_its_own_reason(jonas, two):
    mira, noor = two
    no = filled(noor, verdict="decline", code="work_needs_it", text="The audit needs it.")

    answer = jonas.post(PAGE, sent(filled(mira), no, requests=two))

    assert answer.status_code == 200
    assert "2 decided" in words(answer)
    assert (fresh(mira).state, fresh(noor).state) == (State.IN_REVIEW, State.DECLINED)
    said = [decision_text(request, request.decisions.get()) for request in (mira, noor)]
    assert said == [REASON, "The audit needs it."]


def test_a_refused_one_is_kept_to_be_looked_at_and_stops_no_other(jonas, two, organisation):
    mira, noor = two
    submission.withdraw_request(request=mira, by=organisation.mira)

    answer = jonas.post(PAGE, sent(filled(mira), filled(noor), requests=two))

    assert "1 decided, 1 not" in words(answer)
    assert "Mira Okafor withdrew the request" in words(answer)
    assert f"/review/{mira.pk}/" in answer.content.decode()
    assert (fresh(mira).state, mira.decisions.count()) == (State.WITHDRAWN, 0)
    assert noor.decisions.count() == 1


def test_a_stale_version_is_refused(jonas, two):
    answer = jonas.post(PAGE, sent(filled(two[0], seen=0), requests=two[:1]))

    assert "Nothing was decided" in words(answer)
    assert not Decision.objects.exists()


def test_sending_it_twice_decides_once(jonas, two):
    form = sent(*map(filled, two), requests=two)
    jonas.post(PAGE, form)

    again = jonas.post(PAGE, form)

    assert "Nothing was decided" in words(again)
    assert Decision.objects.count() == 2


def test_one_can_be_left_for_now(jonas, two):
    mira, noor = two

    answer = jonas.post(
        PAGE, sent(filled(mira, verdict="later", text=""), filled(noor), requests=two)
    )

    assert "1 you left for now." in words(answer)
    assert (mira.decisions.count(), noor.decisions.count()) == (0, 1)


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"verdict": ""}, "verdict", "Choose one."),
        ({"verdict": "approve_in_part"}, "verdict", "Select a valid choice"),
        ({"verdict": "burn"}, "verdict", "Select a valid choice"),
        ({"text": "   "}, "text", "Say why. The employee reads it."),
        ({"text": "a" * 10_001}, "text", "longer than fits"),
        ({"verdict": "decline"}, "code", "Choose why it is declined."),
        ({"verdict": "decline", "code": "because"}, "code", "Select a valid choice"),
        ({"seen": "-1"}, "seen", "greater than or equal to 0"),
        ({"seen": "soon"}, "seen", "whole number"),
    ],
)
def test_what_is_missing_is_said_beside_its_field_and_nothing_is_decided(
    jonas, two, changed, field, message
):
    mira, noor = two

    answer = jonas.post(PAGE, sent(filled(mira, **changed), filled(noor), requests=two))

    assert answer.status_code == 422
    form = answer.context["rows"][0].form
    assert message in str(form.errors[field])
    assert message in words(answer)
    assert not answer.context["rows"][1].form.errors
    assert REASON in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_confidential_one_is_decided_on_its_own_page(sign_in, organisation, make_request):
    request = make_request(ground=SENSITIVE)
    client = sign_in(organisation.hr[0])

    page = client.get(PAGE, {"request": [request.pk]})
    answer = client.post(PAGE, sent(filled(request), requests=[request]))

    for shown in (page, answer):
        assert OpenOneByOne.message in words(shown)
    assert "train a model" not in words(page)
    assert opened(request) == 0
    assert not Decision.objects.exists()


def test_a_manager_can_not_decide_a_confidential_one_by_its_id(jonas, make_request):
    request = make_request(ground=SENSITIVE)

    answer = jonas.post(PAGE, sent(filled(request), requests=[request]))

    assert answer.status_code == 422
    assert "Mira" not in words(answer)
    assert not Decision.objects.exists()


def test_who_can_not_decide_on_it_any_more_is_told(sign_in, organisation, two):
    client = sign_in(organisation.jonas)
    mira = two[0]
    decisions.decide(
        request=mira, by=organisation.jonas, seen=mira.version, verdict=Verdict.APPROVE
    )

    answer = client.post(PAGE, sent(filled(fresh(mira)), requests=[mira]))

    assert "Nothing was decided" in words(answer)
    assert mira.decisions.count() == 1


def test_what_earlier_steps_left_is_what_is_approved(sign_in, organisation, make_request):
    request = make_request()
    part = Covering(applications=None, kinds=frozenset({"keystrokes"}))
    scope = request.asked.__class__(
        part.applications, part.kinds, request.starts_on, request.ends_on, request.review_on
    )
    decisions.decide(
        request=request, by=organisation.jonas, seen=request.version,
        verdict=Verdict.APPROVE_IN_PART, scope=scope, text="Only these.",
    )  # fmt: skip
    client, request = sign_in(organisation.hr[0]), fresh(request)

    page = client.get(PAGE, {"request": [request.pk]})
    client.post(PAGE, sent(filled(request), requests=[request]))

    assert "Left by now Everywhere; keystrokes" in words(page)
    assert fresh(request).state == State.PARTLY_APPROVED
    assert fresh(request).granted_kinds == ["keystrokes"]


def test_the_number_of_queries_per_request_is_bounded(jonas, two, django_assert_max_num_queries):
    for request in two:
        jonas.get(PAGE, {"request": [request.pk]})  # opened a moment ago

    with django_assert_max_num_queries(24 + 2 * 2):
        jonas.get(PAGE, {"request": [request.pk for request in two]})
