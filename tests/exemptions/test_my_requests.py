"""My requests: each state in words, what is next, what I may do, and nothing of anybody else's."""

import re
import uuid

import pytest
from django.utils import timezone

from consent_app.register.queries import application_slugs
from exemptions.actions import conversation, decisions, drafts, openings, steps, submission
from exemptions.models import Message, State, Verdict
from exemptions.queries import own
from exemptions.scope import Scope
from tests.exemption_fixtures import ORDINARY, PROTECTED, SENSITIVE, TWO_PEOPLE, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

DAY = 24 * 60 * 60
BIDI = "\u202e"
PAYLOAD = f"<script>alert(1)</script>{BIDI}\u2066<img src=x onerror=alert(2)>"
ACTIONS = ("withdraw", "answer", "add", "appeal", "renew")


@pytest.fixture
def states(make_draft, make_request, decide_all, organisation, frozen_time):
    """Return functions that make a request of each state by what people do."""
    mira, jonas = organisation.mira, organisation.jonas

    def question(request):
        conversation.ask_for_information(
            request=request, by=jonas, seen=request.version, text="Which work?"
        )
        return fresh(request)

    def in_part(request):
        request = fresh(request)
        asked = request.asked
        narrow = Scope(None, frozenset({"keystrokes"}), asked.starts_on, ends_on=asked.ends_on)
        decisions.decide(
            request=request, by=jonas, seen=request.version, text="Keystrokes are enough.",
            verdict=Verdict.APPROVE_IN_PART, scope=narrow,
        )  # fmt: skip
        return decide_all(request)

    def appealed(request):
        submission.appeal(request=request, by=mira, text="Look again.")
        return fresh(request)

    def revoked(request):
        last_day = decisions.earliest_last_day(request, at=timezone.now())
        decisions.revoke_exemption(
            request=request, by=organisation.hr[0], seen=request.version, last_day=last_day,
            text="The work has changed.",
        )  # fmt: skip
        return fresh(request)

    def later(request, days):
        frozen_time.shift(days * DAY)
        return fresh(request)

    def withdrawn(request):
        return submission.withdraw_request(request=request, by=mira)

    def renewed(request):
        submission.renew_exemption(request=request, by=mira)
        return fresh(request)

    def declined():
        return decide_all(make_request(), Verdict.DECLINE)

    return {
        "in review": make_request,
        "protected": lambda: make_request(ground=PROTECTED),
        "protected from a later day": lambda: make_request(ground=PROTECTED, first_day=3),
        "confidential": lambda: make_request(ground=SENSITIVE),
        "two people": lambda: make_request(ground=TWO_PEOPLE),
        "overdue": lambda: later(make_request(), 9),
        "protected by silence": lambda: later(make_request(), 15),
        "asked something": lambda: question(make_request()),
        "approved": lambda: decide_all(make_request()),
        "approved from a later day": lambda: decide_all(make_request(first_day=5)),
        "approved without an end": lambda: decide_all(make_request(days=None)),
        "ended": lambda: later(decide_all(make_request(days=10)), 12),
        "renewed": lambda: renewed(decide_all(make_request(days=10))),
        "approved in part": lambda: in_part(make_request()),
        "declined": declined,
        "declined long ago": lambda: later(declined(), 31),
        "withdrawn": lambda: withdrawn(make_request()),
        "appealed": lambda: appealed(declined()),
        "appealed and in force": lambda: appealed(in_part(make_request())),
        "upheld": lambda: decide_all(appealed(declined()), Verdict.DECLINE),
        "upheld and in force": lambda: decide_all(
            appealed(in_part(make_request())), Verdict.DECLINE
        ),
        "overturned": lambda: decide_all(appealed(declined())),
        "revoked, not over": lambda: revoked(decide_all(make_request())),
        "revoked": lambda: later(revoked(decide_all(make_request())), 20),
    }


# What the first line of the page says, and what can be done.
SHOWN = {
    "in review": ("Jonas Lindqvist has until Monday 30 November to decide.", "withdraw add"),
    "protected": ("Jonas Lindqvist has until Monday 30 November to decide.", "withdraw add"),
    "protected from a later day": ("Jonas Lindqvist has until", "withdraw add"),
    "confidential": ("HR has until Wednesday 2 December to decide.", "withdraw add"),
    "two people": ("Two people of Legal have until Wednesday 2 December", "withdraw add"),
    "overdue": ("Jonas Lindqvist had until Monday 30 November to decide.", "withdraw add"),
    "protected by silence": ("Jonas Lindqvist had until", "withdraw add"),
    "asked something": ("Your request waits for your answer.", "withdraw answer add"),
    "approved": ("Approved until 22 January 2027.", "renew"),
    "approved from a later day": ("Approved from Saturday 28 November until", ""),
    "approved without an end": ("Approved, to be looked at again on 22 May 2027.", ""),
    "ended": ("This exemption ended on Thursday 3 December.", "renew"),
    "renewed": ("Approved until Thursday 3 December.", ""),
    "approved in part": ("Approved in part until 22 January 2027.", "appeal renew"),
    "declined": ("Your request was declined on Monday 23 November.", "appeal"),
    "declined long ago": ("Your request was declined on Monday 23 November.", ""),
    "withdrawn": ("You withdrew this request on Monday 23 November.", ""),
    "appealed": ("HR has until Wednesday 2 December to decide on your appeal.", "add"),
    "appealed and in force": ("HR has until Wednesday 2 December to decide on your appeal.", "add"),
    "upheld": ("Your appeal was heard on Monday 23 November: the decision stands.", ""),
    "upheld and in force": ("the decision stands. Approved in part until", "renew"),
    "overturned": ("Your appeal changed the decision. Approved until", "renew"),
    "revoked, not over": ("Your exemption stays in force until Wednesday 2 December.", ""),
    "revoked": ("Revoked. Your exemption ended on Wednesday 2 December.", ""),
}
# What differs between two answers that say the same.
NUMBER = re.compile(rb"[\w-]{36,64}")
every_state = pytest.mark.parametrize("name", SHOWN)


@pytest.fixture
def open_page(sign_in):
    def open_page(request, *, by=None):
        return sign_in(by or request.requester).get(f"/requests/{request.pk}/")

    return open_page


# Every state


def test_the_states_are_all_there_are(states):
    unlike = ("in review", "asked something", "approved", "approved in part", "declined")
    decided = ("withdrawn", "appealed", "upheld", "overturned", "revoked, not over")

    made = {states[name]().state for name in unlike + decided}

    assert made == set(State.values) - {State.DRAFT}
    assert set(states) == set(SHOWN)


@every_state
def test_page_and_list_begin_with_the_answer(states, sign_in, name, django_assert_max_num_queries):
    request = states[name]()
    client = sign_in(request.requester)

    with django_assert_max_num_queries(42):
        page = client.get(f"/requests/{request.pk}/")
    listed = client.get("/requests/").content.decode()

    assert page.status_code == 200
    assert SHOWN[name][0] in page.content.decode().split("<h1")[1].split("</h1>")[0]
    assert SHOWN[name][0] in listed
    assert f'href="/requests/{request.pk}/"' in listed


@every_state
def test_page_offers_what_can_be_done_and_nothing_else(states, sign_in, name):
    request = states[name]()
    offered = SHOWN[name][1].split()
    client = sign_in(request.requester)

    def post(action):
        return client.post(f"/requests/{request.pk}/{action}", {"text": "A sentence."})

    page = client.get(f"/requests/{request.pk}/").content.decode()
    refused = [post(action) for action in ACTIONS if action not in offered]
    done = [post(action) for action in offered[-1:]]

    shown = [action for action in ACTIONS if f'action="/requests/{request.pk}/{action}"' in page]
    assert shown == offered
    assert {answer.status_code for answer in refused} <= {409}
    assert {answer.status_code for answer in done} <= {302}


# What is said of protection


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("in review", "If nobody has decided, you are protected from"),
        ("protected", "You are protected while it is decided: nothing may be collected from you."),
        ("protected from a later day", "You are protected from Thursday 26 November on"),
        ("protected by silence", "Nobody decided in time, so you are protected since"),
        ("approved", "Nothing may be collected from you."),
        ("approved in part", "Keystrokes may not be collected."),
        (
            "appealed and in force",
            "What was approved stays in force: keystrokes may not be collected",
        ),
        ("declined", "It takes nothing away from collection."),
    ],
)
def test_page_says_what_holds_meanwhile(states, open_page, name, words):
    page = open_page(states[name]()).content.decode()

    assert words in page


def test_names_of_applications_are_said(make_request, open_page, grounds):
    slugs = frozenset(sorted(application_slugs())[:4])
    request = make_request(applications=slugs, ground=PROTECTED)

    page = open_page(request).content.decode()

    assert "nothing may be collected from" in page
    assert "and 3 more" in page


# The list


def test_empty_list_says_what_will_be_there(organisation, sign_in):
    page = sign_in(organisation.noor).get("/requests/").content.decode()

    assert "No requests yet" in page
    assert "who has it, until when they have to answer" in page


def test_draft_leads_to_its_form(make_draft, sign_in):
    draft = make_draft()

    page = sign_in(draft.requester).get("/requests/").content.decode()

    assert f'href="/requests/{draft.pk}/check"' in page
    assert "Nobody but you can read it." in page


def test_draft_without_a_period_leads_to_its_first_page(grounds, organisation, sign_in):
    draft = drafts.start_draft(employee=organisation.mira, ground=grounds[ORDINARY])

    page = sign_in(organisation.mira).get("/requests/").content.decode()

    assert f'href="/requests/{draft.pk}/scope"' in page


def test_list_has_pages(make_request, organisation, sign_in, monkeypatch):
    monkeypatch.setattr("exemptions.views.requests.PER_PAGE", 2)
    for _ in range(3):
        submission.withdraw_request(request=make_request(), by=organisation.mira)
    client = sign_in(organisation.mira)

    first, second = client.get("/requests/"), client.get("/requests/?page=2")

    assert first.content.decode().count('<li class="card"') == 2
    assert second.content.decode().count('<li class="card"') == 1
    assert client.get("/requests/?page=3").status_code == 404


@pytest.mark.parametrize("count", [1, 9])
def test_list_issues_a_bounded_number_of_queries(
    make_request, organisation, sign_in, count, django_assert_max_num_queries
):
    for _ in range(count):
        make_request()
    client = sign_in(organisation.mira)

    with django_assert_max_num_queries(22):
        client.get("/requests/")


# The page


def test_timeline_is_in_sentences_with_what_comes(make_request, organisation, open_page):
    request = make_request()
    openings.open_case(request=request, by=organisation.jonas)

    page = open_page(request).content.decode()

    assert "You sent the request." in page
    assert "It went to your line manager." in page
    assert "Then HR decides" in page
    assert "Jonas Lindqvist (your line manager)" in page


def test_decision_is_in_the_reviewers_words(make_request, decide_all, open_page):
    request = decide_all(make_request(), Verdict.DECLINE, text="Your work\nneeds it.")

    page = open_page(request).content.decode()

    assert "What was described is not covered by these grounds." in page
    assert "Your work\nneeds it." in page


def test_step_that_was_handed_to_somebody_names_them(make_request, organisation, open_page):
    request = make_request(ground=SENSITIVE)
    dana = organisation.hr[0]
    steps.assign_step(request=request, by=dana, to=dana)

    page = open_page(request).content.decode()

    assert "Dana Ortiz (HR) has until" in page


def test_notes_among_reviewers_are_not_shown(make_request, organisation, open_page):
    request = make_request()
    conversation.write_note(request=request, by=organisation.jonas, text="Ask Samuel first.")
    conversation.write_message(
        request=request, by=organisation.jonas, seen=fresh(request).version, text="I read it."
    )

    page = open_page(request).content.decode()

    assert "Ask Samuel first." not in page
    assert "I read it." in page


def test_legal_deadline_stands_beside_the_target(
    make_request, open_page, make_jurisdiction, make_employee, organisation
):
    make_jurisdiction("DE", response_deadline_days=30)
    mira = make_employee(jurisdiction="DE", line_manager=organisation.jonas)

    page = open_page(make_request(mira)).content.decode()

    assert "Wednesday 23 December 2026" in page
    assert "Our own target." in page


def test_question_comes_before_everything_else(states, open_page):
    page = open_page(states["asked something"]()).content.decode()

    assert page.index("Which work?") < page.index("What happened, and what comes")
    assert "The clock stands still until you answer." in page


def test_renewal_says_what_it_asks_again(states, open_page):
    page = open_page(states["ended"]()).content.decode()

    assert "from 5 December 2026 until 15 December 2026" in page
    assert "<bdi>Jonas Lindqvist</bdi> decides first." in page


def test_renewed_request_leads_to_the_one_that_renews_it(states, open_page):
    request = states["renewed"]()

    page = open_page(request).content.decode()

    assert f'href="/requests/{request.renewal.pk}/"' in page


# What is written


def test_nothing_written_is_live_or_hidden(make_request, organisation, open_page):
    request = make_request(text=PAYLOAD)
    jonas, mira = organisation.jonas, organisation.mira
    conversation.ask_for_information(request=request, by=jonas, seen=request.version, text=PAYLOAD)
    conversation.answer_question(request=fresh(request), by=mira, text=PAYLOAD)
    decisions.decide(
        request=request, by=jonas, seen=fresh(request).version, verdict=Verdict.DECLINE,
        code="ground_not_met", text=PAYLOAD,
    )  # fmt: skip

    page = open_page(fresh(request)).content.decode()

    assert page.count("[U+202E][U+2066]&lt;img src=x onerror=alert(2)&gt;") == 4
    assert "<script>alert" not in page
    assert "<img" not in page
    assert BIDI not in page


def test_name_of_a_file_is_shown_and_not_used(make_draft, open_page, sign_in):
    draft = make_draft()
    drafts.attach_file(request=draft, name=f"{PAYLOAD}.txt", content=b"Seen by a doctor.")
    submission.submit_request(request=draft, by=draft.requester)
    file = own.attachments_of(draft)[0]

    page = open_page(draft).content.decode()
    answer = sign_in(draft.requester).get(f"/requests/{draft.pk}/files/{file.pk}")

    assert "[U+202E]" in page
    assert BIDI not in page
    assert answer["Content-Disposition"] == 'attachment; filename="file-1.txt"'


@pytest.mark.parametrize(
    ("action", "text"), [("answer", ""), ("add", "   "), ("appeal", "a" * 10_001)]
)
def test_bad_text_is_refused_beside_its_field(states, sign_in, action, text):
    name = {"answer": "asked something", "add": "in review", "appeal": "declined"}[action]
    request = states[name]()
    before = Message.objects.count()

    answer = sign_in(request.requester).post(f"/requests/{request.pk}/{action}", {"text": text})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Check this first" in page
    assert 'aria-invalid="true"' in page
    assert Message.objects.count() == before


def test_whoever_comes_too_late_keeps_what_they_wrote(states, sign_in, organisation):
    request = states["asked something"]()
    conversation.answer_question(request=request, by=organisation.mira, text="From my phone.")

    answer = sign_in(organisation.mira).post(
        f"/requests/{request.pk}/answer", {"text": "From my desk."}
    )

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Mira Okafor answered at" in page
    assert "From my desk." in page


# Files


@pytest.fixture
def file_of(make_draft):
    def make(*, is_sent: bool):
        draft = make_draft(ground=SENSITIVE)
        drafts.attach_file(request=draft, name="letter.txt", content=b"Seen by a doctor.")
        if is_sent:
            submission.submit_request(request=draft, by=draft.requester)
        return draft, f"/requests/{draft.pk}/files/{own.attachments_of(draft)[0].pk}"

    return make


@pytest.mark.parametrize("is_sent", [False, True])
def test_own_file_is_a_download_and_nothing_else(file_of, sign_in, is_sent):
    draft, address = file_of(is_sent=is_sent)

    answer = sign_in(draft.requester).get(address)

    assert answer.content == b"Seen by a doctor."
    assert answer["Content-Disposition"] == 'attachment; filename="file-1.txt"'
    assert answer["Content-Type"] == "text/plain"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cache-Control"] == "no-store"


def test_file_of_another_request_of_mine_is_not_found(file_of, make_request, sign_in):
    draft, address = file_of(is_sent=True)
    other = make_request(ground=ORDINARY)

    answer = sign_in(draft.requester).get(address.replace(str(draft.pk), str(other.pk)))

    assert answer.status_code == 404


def test_erased_file_is_not_found(file_of, sign_in):
    draft, address = file_of(is_sent=True)
    draft = fresh(draft)
    draft.sealing_key = None
    draft.save(update_fields=["sealing_key"])
    client = sign_in(draft.requester)

    assert client.get(address).status_code == 404
    assert "(erased)" in client.get(f"/requests/{draft.pk}/").content.decode()


# Whose it is


@pytest.mark.parametrize("who", ["noor", "jonas", "hr", "legal", "auditor", "owner"])
def test_request_of_somebody_else_is_not_found(file_of, sign_in, organisation, who):
    request, file_address = file_of(is_sent=True)
    version = fresh(request).version
    person = getattr(organisation, who)
    client = sign_in(person[0] if isinstance(person, list) else person)
    unknown = client.get(f"/requests/{uuid.uuid4()}/")

    page, file = client.get(f"/requests/{request.pk}/"), client.get(file_address)
    posts = [client.post(f"/requests/{request.pk}/{action}", {"text": "A"}) for action in ACTIONS]

    assert page.status_code == file.status_code == 404
    assert NUMBER.sub(b"", page.content) == NUMBER.sub(b"", unknown.content)
    assert {post.status_code for post in posts} == {404}
    assert str(request.pk) not in client.get("/requests/").content.decode()
    assert fresh(request).version == version


def test_draft_has_no_page_of_its_own(make_draft, open_page):
    assert open_page(make_draft()).status_code == 404


def test_changes_are_asked_for_by_post(make_request, sign_in):
    request = make_request()
    client = sign_in(request.requester)

    answers = [client.get(f"/requests/{request.pk}/{action}") for action in ACTIONS]

    assert {answer.status_code for answer in answers} == {405}
