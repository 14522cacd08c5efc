"""The pages of notices and of free choices, and what home says about them."""

import json
import re
from datetime import timedelta

import pytest
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from consent_app.devices.models import Device
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from consent_app.register.models import ConsentRecord, NoticeForm, NoticeRecord, RegisterVersion
from consent_app.register.queries import notice_in_force
from exemptions.actions.routes import load_grounds
from portal.notices.browsers import browser_name
from tests.conftest import NOON
from tests.notice_fixtures import ASKING, CHOOSING, OUT, digest_for, digest_to_choose_on, in_days

HTMX = {"HTTP_HX_REQUEST": "true"}
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def person_in(frozen_time, ceilings, make_jurisdiction, make_employee):
    """Return a function that makes somebody where this law holds."""

    def make(code: str, law: dict) -> Employee:
        make_jurisdiction(code, **law)
        return make_employee("Dana Ortiz", jurisdiction=code, time_zone="America/New_York")

    return make


@pytest.fixture
def dana(person_in):
    return person_in("US-NY", ASKING)


@pytest.fixture
def camille(person_in):
    return person_in("CA-QC", CHOOSING)


@pytest.fixture
def wilma(person_in, publish):
    publish(fields={"delaware": "daily"})
    return person_in("US-DE", ASKING)


def text_of(response) -> str:
    plain = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", plain).replace("&#x27;", "'")


def stages(person):
    return sorted(NoticeRecord.objects.filter(employee=person).values_list("stage", flat=True))


# The notice


def test_the_page_shows_every_word_of_the_notice(sign_in, dana):
    page = text_of(sign_in(dana).get("/notice/"))

    notice = notice_in_force(NoticeForm.NEW_YORK, at=NOON)
    for paragraph in notice.text.split("\n\n"):
        assert paragraph.split(": ", 1)[-1] in page
    assert notice.digest in page


def test_to_look_at_it_writes_nothing(sign_in, dana):
    client = sign_in(dana)

    for address in ("/notice/", "/notice/versions/1/", "/notice/poster/us-ny/", "/"):
        assert client.get(address).status_code == 200

    assert not NoticeRecord.objects.exists()


def test_the_page_itself_says_that_it_was_shown(sign_in, dana):
    client = sign_in(dana)
    assertContains(client.get("/notice/"), 'hx-post="/notice/served" hx-trigger="load"')

    response = client.post("/notice/served", {"digest": digest_for(dana)}, **HTMX)

    assert response.status_code == 204
    assert stages(dana) == ["served"]
    assertNotContains(client.get("/notice/"), "hx-trigger")


def test_acknowledging_is_one_button_and_says_what_it_is(sign_in, dana, make_device):
    device = make_device(dana)
    client = sign_in(dana)
    page = text_of(client.get("/notice/"))
    assert "Nothing is collected from you unless you acknowledge this notice." in page
    assert "You agree to nothing by it, and it takes no right away" in page

    response = client.post(
        "/notice/acknowledge", {"digest": digest_for(dana)}, headers={"User-Agent": FIREFOX}
    )

    assertRedirects(response, "/notice/")
    assert stages(dana) == ["acknowledged", "served"]
    assert set(NoticeRecord.objects.values_list("browser", flat=True)) == {"Firefox on Linux"}
    assert device.newest_document().state == "collecting"
    page = text_of(client.get("/notice/"))
    assert "You acknowledged on" in page
    assert "I acknowledge" not in page


def test_the_word_consent_is_not_on_the_page_of_a_notice(sign_in, dana):
    page = text_of(sign_in(dana).get("/notice/")).replace("Consent Portal", "")

    assert "consent" not in page.lower()


def test_a_notice_that_changed_is_shown_anew_instead_of_acknowledged(sign_in, dana, publish):
    read = digest_for(dana)
    publish(limits="Other limits.")

    response = sign_in(dana).post("/notice/acknowledge", {"digest": read})

    assertContains(response, "Other limits.", status_code=409)
    assertContains(response, "has changed since this page was opened", status_code=409)
    assert not NoticeRecord.objects.exists()


def test_a_coming_notice_says_from_when_it_holds(sign_in, dana, publish):
    client = sign_in(dana)
    client.post("/notice/acknowledge", {"digest": digest_for(dana)})
    publish(limits="Other limits.", in_force_at=in_days(14))

    page = text_of(client.get("/notice/"))

    assert "This is the notice that holds from Monday 7 December" in page
    assert "Other limits." in page
    assert "I acknowledge that I was told" in page


def test_whoever_is_asked_nothing_can_still_say_that_they_read_it(
    sign_in, frozen_time, ceilings, make_employee
):
    mira = make_employee()
    client = sign_in(mira)
    assertNotContains(client.get("/notice/"), "I acknowledge")

    client.post("/notice/read", {"digest": digest_for(mira)})

    assert stages(mira) == ["read", "served"]
    assertContains(client.get("/notice/"), "You said on")


def test_before_anything_is_published_there_is_nothing_to_tell(sign_in, make_employee):
    client = sign_in(make_employee())

    assertContains(client.get("/notice/"), "nothing is collected from anybody")
    assert client.post("/notice/read", {"digest": "x"}).status_code == 409


def test_an_earlier_version_stays_to_be_read(sign_in, dana, publish):
    publish(limits="Other limits.")
    client = sign_in(dana)

    assertNotContains(client.get("/notice/versions/1/"), "Other limits.")
    assertContains(client.get("/notice/versions/2/"), "Other limits.")
    assert client.get("/notice/versions/3/").status_code == 404


def test_a_version_that_is_being_prepared_is_not_shown(sign_in, dana, draft):
    assert sign_in(dana).get("/notice/versions/2/").status_code == 404


@pytest.fixture
def draft(ceilings):
    first = RegisterVersion.objects.get()
    RegisterVersion.objects.create(
        number=2, purpose="New.", limits="", readers=[], never_collected=[], based_on=first
    )


@pytest.mark.parametrize("form", ["us-ny", "us-ct"])
def test_a_poster_holds_the_notice_and_where_to_find_more(sign_in, dana, form):
    page = text_of(sign_in(dana).get(f"/notice/poster/{form}/"))

    assert notice_in_force(NoticeForm(form), at=NOON).digest in page
    assert "http://testserver/notice/" in page


def test_there_is_no_poster_of_what_is_no_notice(sign_in, dana):
    assert sign_in(dana).get("/notice/poster/us-zz/").status_code == 404


# Nothing stands in the way


@pytest.mark.parametrize(
    "address", ["/", "/devices/", "/requests/", "/what-is-collected/", "/inbox/"]
)
def test_every_page_opens_with_a_notice_unread(sign_in, dana, make_device, address):
    make_device(dana)

    assert sign_in(dana).get(address).status_code == 200


def test_an_exemption_can_be_asked_for_with_a_notice_unread(sign_in, dana, grounds_there):
    response = sign_in(dana).post("/requests/new", {"ground": "objection-to-training"})

    assert response.status_code == 302


@pytest.fixture
def grounds_there(ceilings):
    load_grounds(by=system_user())


def test_home_says_what_to_do_and_where(sign_in, dana, make_device):
    make_device(dana)
    client = sign_in(dana)

    page = client.get("/")

    assertContains(page, "There is a notice for you to acknowledge.")
    assertContains(page, "Until then nothing is collected from you.")
    assertContains(page, 'href="/notice/"')
    assertNotContains(page, "collecting.")
    client.post("/notice/acknowledge", {"digest": digest_for(dana)})
    assertNotContains(client.get("/"), "There is a notice")


def test_home_says_from_when_a_coming_notice_matters(sign_in, dana, publish):
    client = sign_in(dana)
    client.post("/notice/acknowledge", {"digest": digest_for(dana)})
    publish(limits="Other limits.", in_force_at=in_days(14))

    assertContains(client.get("/"), "nothing is collected from you from Monday 7 December on")


def test_what_happened_is_among_the_latest_on_home(sign_in, dana):
    client = sign_in(dana)
    client.post("/notice/acknowledge", {"digest": digest_for(dana)})

    assertContains(client.get("/"), "You acknowledged that you were told.")


# Each day


def test_the_notice_of_the_day_is_on_the_first_page_of_a_day(sign_in, wilma, frozen_time):
    client = sign_in(wilma)
    for address in ("/devices/", "/requests/"):
        assertContains(client.get(address), 'id="daily-notice"')

    client.post("/notice/served", {"digest": digest_for(wilma)}, **HTMX)

    assertNotContains(client.get("/devices/"), "daily-notice")
    frozen_time.shift(timedelta(days=1))
    assertContains(sign_in(wilma).get("/devices/"), 'id="daily-notice"')


def test_the_notice_of_the_day_is_there_with_every_word(sign_in, wilma):
    page = text_of(sign_in(wilma).get("/devices/"))

    for paragraph in notice_in_force(NoticeForm.DELAWARE, at=NOON).text.split("\n\n"):
        assert paragraph.split(": ", 1)[-1] in page


def test_without_javascript_a_button_closes_it_and_leads_back(sign_in, wilma):
    client = sign_in(wilma)

    response = client.post("/notice/served", {"digest": digest_for(wilma), "next": "/devices/"})

    assertRedirects(response, "/devices/")
    assert stages(wilma) == ["served"]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:x", ""]
)
def test_it_leads_back_to_no_other_site(sign_in, wilma, elsewhere):
    response = sign_in(wilma).post(
        "/notice/served", {"digest": digest_for(wilma), "next": elsewhere}
    )

    assertRedirects(response, "/")


def test_a_daily_notice_asks_for_nothing_on_home(sign_in, wilma):
    assertNotContains(sign_in(wilma).get("/"), "There is a notice for you to acknowledge.")


def test_nobody_else_has_a_notice_each_day(sign_in, dana):
    assertNotContains(sign_in(dana).get("/devices/"), "daily-notice")


# A free choice


def test_yes_and_no_are_alike_and_nothing_is_chosen(sign_in, camille):
    page = sign_in(camille).get("/notice/choice").content.decode()

    buttons = re.findall(r"<button([^>]*)>(Yes|No)</button>", page)
    looks = [re.sub(r'"(yes|no)"', '""', attributes) for attributes, _ in buttons]
    assert [label for _, label in buttons] == ["No", "Yes"]
    assert looks[0] == looks[1]
    assert "button-main" not in looks[0]
    assert "checked" not in page
    assert "no disadvantage follows from a no" in page


def test_a_yes_and_its_withdrawal_are_one_click_each_on_the_same_page(
    sign_in, camille, make_device
):
    device = make_device(camille)
    client = sign_in(camille)

    for answer, state in (("yes", "collecting"), ("no", "opted_out")):
        digest = digest_to_choose_on(camille)
        response = client.post("/notice/choice", {"answer": answer, "digest": digest})
        assertRedirects(response, "/notice/choice")
        assert device.newest_document().state == state

    page = text_of(client.get("/notice/choice"))
    assert "You took your yes back" in page
    assert "You said yes" in page


def test_no_answer_is_no_choice(sign_in, camille):
    response = sign_in(camille).post("/notice/choice", {"answer": "maybe"})

    assertContains(response, "Choose one of the two.", status_code=422)
    assert not ConsentRecord.objects.exists()


def test_a_yes_to_a_text_that_changed_is_asked_for_anew(sign_in, camille, publish):
    read = digest_to_choose_on(camille)
    publish(limits="Other limits.")

    response = sign_in(camille).post("/notice/choice", {"answer": "yes", "digest": read})

    assertContains(response, "Other limits.", status_code=409)
    assert not ConsentRecord.objects.exists()


def test_ones_own_record_can_be_taken_along_and_nobody_elses(sign_in, camille, make_employee):
    client = sign_in(camille)
    client.post("/notice/choice", {"answer": "no"})
    kept = ConsentRecord.objects.get()

    response = client.get(f"/notice/choice/{kept.pk}")

    assert json.loads(response.content) == kept.record
    assert "attachment" in response["Content-Disposition"]
    other = make_employee(jurisdiction="CA-QC")
    assert sign_in(other).get(f"/notice/choice/{kept.pk}").status_code == 404


@pytest.mark.parametrize("law", [{}, ASKING, OUT], ids=["notice", "acknowledgement", "never"])
def test_where_there_is_no_choice_there_is_no_page(sign_in, person_in, law):
    client = sign_in(person_in("XX", law))

    assert client.get("/notice/choice").status_code == 404
    assert client.post("/notice/choice", {"answer": "yes"}).status_code == 404


def test_whoever_moved_away_keeps_what_they_chose(sign_in, camille, make_jurisdiction):
    client = sign_in(camille)
    client.post("/notice/choice", {"answer": "no"})
    Employee.objects.filter(pk=camille.pk).update(jurisdiction=make_jurisdiction("US-CA"))

    page = text_of(client.get("/notice/choice"))

    assert "there is nothing to choose" in page
    assert "Download" in page


def test_home_asks_once_and_never_again_after_a_no(sign_in, camille):
    client = sign_in(camille)
    assertContains(client.get("/"), "Whether your work is collected is your choice.")

    client.post("/notice/choice", {"answer": "no"})

    assertNotContains(client.get("/"), "is your choice")


def test_home_says_when_a_yes_counts_no_more(sign_in, camille, publish):
    client = sign_in(camille)
    client.post("/notice/choice", {"answer": "yes", "digest": digest_to_choose_on(camille)})
    publish(limits="Other limits.")

    assertContains(client.get("/"), "The notice changes, so you are asked again.")
    assertContains(client.get("/notice/choice"), "that yes counts no more")


def test_devices_say_where_to_choose(sign_in, camille, make_device):
    make_device(camille)
    Device.objects.update(last_seen_at=NOON)

    assertContains(sign_in(camille).get("/devices/"), 'href="/notice/choice"')


# Browsers


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (f"{WINDOWS} {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"),
        (f"{MAC} {WEBKIT} Version/18.0 Safari/605.1.15", "Safari on macOS"),
        (f"{ANDROID} {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("", "A browser"),
        ("x" * 10_000, "A browser"),
    ],
)
def test_a_browser_is_named_without_what_would_single_it_out(user_agent, name):
    assert browser_name(user_agent) == name
