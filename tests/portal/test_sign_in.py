"""Signing in and out, and setting a password: what works, and what nobody may learn or do."""

import re
import statistics
import time
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import NoReverseMatch, reverse

from consent_app.audit.models import Leaf
from consent_app.notifications import delivery
from consent_app.notifications.models import Notification
from consent_app.people.actions import import_directory
from consent_app.people.models import Employee
from consent_app.people.queries import system_user
from portal.sign_in import AccountAdapter
from tests.consent_app.people.conftest import row, write_csv

pytestmark = pytest.mark.django_db

LOGIN = "/account/login/"
PASSWORD = "correct horse battery staple"


@pytest.fixture
def mira(make_employee):
    person = make_employee(email="mira.okafor@example.com")
    person.set_password(PASSWORD)
    person.save()
    return person


@pytest.fixture
def attempt(client):
    """Return a function that sends the sign-in form."""

    def send(email="mira.okafor@example.com", password=PASSWORD, query="", **extra):
        return client.post(LOGIN + query, {"login": email, "password": password}, **extra)

    return send


def body(response) -> bytes:
    """Return the page without what differs by design: the token of the form, the typed address."""
    content = re.sub(rb'(csrfmiddlewaretoken" value="|X-CSRFToken": ")[^"]+', b"", response.content)
    return re.sub(rb"[\w.]+@example\.com", b"somebody", content)


# Signing in


def test_signs_in_and_goes_home(mira, attempt, client):
    response = attempt()

    assert response.status_code == 302
    assert response.url == "/"
    assert client.session["_auth_user_id"] == str(mira.pk)


@pytest.mark.parametrize("email", ["MIRA.Okafor@Example.COM ", "\uff2dira.okafor@example.com"])
def test_any_form_of_the_address_is_the_same_account(mira, attempt, email):
    assert attempt(email).status_code == 302


def test_the_session_is_another_one_after_sign_in(mira, attempt, client):
    client.get("/account/login/?next=/devices/")
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies["session"] = before = session.session_key

    attempt()

    assert client.cookies["session"].value != before
    assert Client(headers={"cookie": f"session={before}"}).get("/").status_code == 302


def test_somebody_signed_in_goes_home_from_the_sign_in_page(mira, sign_in):
    response = sign_in(mira).get(LOGIN)

    assert (response.status_code, response.url) == (302, "/")


def test_signing_in_keeps_no_copy_of_the_address(mira, attempt):
    attempt()

    assert not EmailAddress.objects.exists()


# What nobody learns


def test_unknown_wrong_and_inactive_look_alike(mira, make_employee, attempt):
    gone = make_employee(email="gone@example.com", is_active=False)
    gone.set_password(PASSWORD)
    gone.save()
    make_employee(email="new@example.com", password="!")

    answers = [
        attempt("nobody@example.com"),
        attempt("mira.okafor@example.com", "wrong"),
        attempt("gone@example.com"),
        attempt("new@example.com"),
        attempt("system@portal.invalid".replace("portal.invalid", "example.com")),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert len({body(answer) for answer in answers}) == 1


def test_an_inactive_account_is_limited_like_any_other(make_employee, attempt):
    gone = make_employee(email="gone@example.com", is_active=False)
    gone.set_password(PASSWORD)
    gone.save()

    statuses = [attempt("gone@example.com").status_code for _ in range(6)]

    assert statuses == [422] * 5 + [429]


def test_unknown_and_wrong_take_similar_time(mira, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}
    client = Client()

    def seconds(email: str) -> float:
        start = time.perf_counter()
        client.post(LOGIN, {"login": email, "password": "wrong"})
        return time.perf_counter() - start

    seconds("warm-up@example.com")
    unknown = statistics.median(seconds("nobody@example.com") for _ in range(7))
    wrong = statistics.median(seconds("mira.okafor@example.com") for _ in range(7))

    assert 0.5 < unknown / wrong < 2


# Rate limits


def test_guessing_ends_in_429_and_then_the_right_password_does_not_help(mira, attempt):
    statuses = [attempt(password=f"guess {number}").status_code for number in range(6)]

    assert statuses == [422] * 5 + [429]
    response = attempt()
    assert response.status_code == 429
    assert "Try again in five minutes" in response.content.decode()


def test_other_forms_of_the_address_are_no_fresh_start(mira, attempt):
    forms = ["MIRA.okafor@example.com", "mira.OKAFOR@example.com", "\uff2dira.okafor@example.com"]
    for number in range(5):
        attempt(forms[number % 3], "guess")

    assert attempt(password="guess").status_code == 429


@pytest.fixture
def three_a_minute(settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "3/m/ip"}


def test_many_attempts_from_one_place_end_in_our_429_page(three_a_minute, attempt):
    statuses = [attempt(f"person{number}@example.com", "x").status_code for number in range(3)]
    response = attempt("another@example.com", "x")

    assert statuses == [422, 422, 422]
    assert response.status_code == 429
    assert "<h1>Too many attempts</h1>" in response.content.decode()


def test_a_forged_forwarding_header_is_no_other_place(three_a_minute, attempt):
    for number in range(3):
        attempt(f"person{number}@example.com", "x", headers={"X-Forwarded-For": f"10.0.0.{number}"})

    assert attempt("another@example.com", "x").status_code == 429


def test_behind_our_proxy_what_it_appended_counts(three_a_minute, attempt, settings):
    settings.BEHIND_PROXY = True

    def come_from(*addresses: str) -> int:
        forwarded = {"X-Forwarded-For": ", ".join(addresses)}
        return attempt("nobody@example.com", "x", headers=forwarded).status_code

    assert [come_from(f"6.6.6.{number}", "10.0.0.1") for number in range(4)] == [422] * 3 + [429]
    assert come_from("10.0.0.2") == 422


# Where it leads


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example",
        "http:///evil.example", "https:evil.example", "javascript:alert(1)", "data:text/html,x",
        "\thttps://evil.example", "https://testserver@evil.example", "http:\\\\evil.example",
        "https://testserver.evil.example", "https://testserver:1@evil.example/", "//[",
        "ftp://testserver/", "http://localhost/", "http://127.0.0.1:8000/", "http://[::1",
        "\x00/devices/", "\x1f//evil.example",
    ],
)  # fmt: skip
def test_leads_only_to_our_own_pages(mira, client, target):
    response = client.post(LOGIN, {"login": mira.email, "password": PASSWORD, "next": target})

    assert response.status_code == 302
    assert response.url == "/"


def test_leads_back_to_the_page_that_was_asked_for(mira, client):
    asked = client.get("/devices/")
    assert asked.url == "/account/login/?next=/devices/"
    page = client.get(asked.url).content.decode()
    assert '<input type="hidden" name="next" value="/devices/">' in page

    response = client.post(LOGIN, {"login": mira.email, "password": PASSWORD, "next": "/devices/"})

    assert response.url == "/devices/"


# Wrong input


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("", ""),
        ("mira.okafor@example.com", ""),
        ("mira.okafor@example.com", "x" * 2**20),
        ("mira.okafor@example.com", "nul\x00"),
        ("mira\x00@example.com", "x"),
        ("x" * 2**20 + "@example.com", "x"),
        ("no address", "x"),
        ("mira.okafor@example.com", "\ud83d".encode("utf-16", "surrogatepass").decode("latin-1")),
        ("<script>alert(1)</script>@example.com", "x"),
    ],
)
def test_wrong_input_is_answered_with_422(mira, attempt, email, password):
    response = attempt(email, password)

    assert response.status_code == 422
    assert b"<script>alert" not in response.content


@pytest.mark.parametrize("method", ["put", "patch", "delete", "trace"])
def test_other_methods_are_refused(client, method):
    assert getattr(client, method)(LOGIN).status_code == 405


def test_a_form_without_its_token_is_refused(mira):
    client = Client(enforce_csrf_checks=True)

    response = client.post(LOGIN, {"login": mira.email, "password": PASSWORD})

    assert response.status_code == 403


@pytest.mark.parametrize(
    "path", ["/account/signup/", "/account/email/", "/account/", "/account/confirm-email/"]
)
def test_nobody_signs_up_or_changes_an_address(client, path):
    assert client.post(path, {"email": "me@example.com"}).status_code in {302, 404}
    assert client.get("/account/signup/").status_code in {302, 404}
    for name in ("account_signup", "account_email"):
        with pytest.raises(NoReverseMatch):
            reverse(name)


# Signing out


def test_signs_out_by_post_alone(mira, sign_in):
    client = sign_in(mira)

    assert client.get("/account/logout/").status_code == 200
    assert client.get("/").status_code == 200
    assert client.post("/account/logout/").url == LOGIN
    assert client.get("/").status_code == 302


# A new password


def ask_for_link(client, email, callbacks):
    with callbacks(execute=False):
        return client.post("/account/password/forgotten/", {"email": email})


def delivered_link() -> str:
    delivery.mail(Notification.objects.get(event="account_password_reset").pk)
    [message] = mail.outbox
    [link] = re.findall(r"http://127\.0\.0\.1:8000(/account/password/new/\S+/)", message.body)
    assert link in message.alternatives[0].content
    return link


def test_a_link_in_a_mail_sets_the_first_password(
    make_employee, client, django_capture_on_commit_callbacks
):
    person = make_employee(email="new@example.com", password="!")
    ask_for_link(client, "NEW@example.com", django_capture_on_commit_callbacks)
    link = delivered_link()

    form = client.get(link, follow=True)
    key_free = form.redirect_chain[-1][0]
    response = client.post(key_free, {"password1": PASSWORD, "password2": PASSWORD})

    person.refresh_from_db()
    assert response.url == "/account/password/new/done/"
    assert person.check_password(PASSWORD)
    assert Notification.objects.filter(event="account_password_changed", recipient=person).exists()
    assert Leaf.objects.get().event == "employee.password_changed"
    assert Client().get(link).status_code == 410


def test_the_key_of_a_link_is_never_stored(mira, client, django_capture_on_commit_callbacks):
    ask_for_link(client, mira.email, django_capture_on_commit_callbacks)

    assert Notification.objects.get().context == {}


def test_unknown_and_inactive_addresses_are_answered_alike_and_get_no_mail(
    mira, make_employee, client, django_capture_on_commit_callbacks
):
    make_employee(email="gone@example.com", is_active=False)

    answers = [
        ask_for_link(client, email, django_capture_on_commit_callbacks)
        for email in (mira.email, "nobody@example.com", "gone@example.com")
    ]

    assert {(one.status_code, one.url) for one in answers} == {
        (302, "/account/password/forgotten/sent/")
    }
    assert [one.recipient for one in Notification.objects.all()] == [mira]


def test_nobody_can_have_somebody_flooded_with_mail(
    mira, client, django_capture_on_commit_callbacks
):
    for _ in range(7):
        response = ask_for_link(client, mira.email, django_capture_on_commit_callbacks)

    assert response.status_code == 429
    assert Notification.objects.count() == 5


def test_a_link_to_an_address_that_passed_on_opens_nothing(
    client, make_jurisdiction, tmp_path, django_capture_on_commit_callbacks
):
    def directory(**addresses: str):
        rows = [row(number, email=address) for number, address in addresses.items()]
        path = write_csv(tmp_path / "directory.csv", *rows)
        import_directory(path, complete=False, by=system_user())

    make_jurisdiction("US-CA")
    directory(E1="a@example.com", E2="b@example.com")
    ask_for_link(client, "a@example.com", django_capture_on_commit_callbacks)
    link = delivered_link()

    directory(E1="b@example.com", E2="a@example.com")

    assert not EmailAddress.objects.filter(email="a@example.com").exists()
    assert client.get(link).status_code == 410
    ask_for_link(client, "a@example.com", django_capture_on_commit_callbacks)
    assert Notification.objects.latest("owed_at").recipient.employee_number == "E2"


@pytest.mark.parametrize(
    "key",
    ["0" * 32 + "-abc-def", "abc-set-password", "0" * 32 + "-set-password", "%00-x", "x" * 9000],
)
def test_a_made_up_link_opens_nothing(client, key):
    assert client.get(f"/account/password/new/{key}/").status_code in {404, 410}


@pytest.mark.parametrize(
    "password", ["short", "password1234", "x" * 2**20, "nul\x00 in a password"]
)
def test_a_weak_or_wild_new_password_is_refused(mira, sign_in, password):
    response = sign_in(mira).post(
        "/account/password/",
        {"oldpassword": PASSWORD, "password1": password, "password2": password},
    )

    mira.refresh_from_db()
    assert response.status_code == 422
    assert mira.check_password(PASSWORD)


def test_changing_the_password_ends_other_sessions_only(mira, sign_in):
    other = Client()
    other.force_login(mira)
    client = sign_in(mira)

    new = {"password1": "another fine long one", "password2": "another fine long one"}
    response = client.post("/account/password/", {"oldpassword": PASSWORD} | new)

    assert response.status_code == 302
    assert client.get("/").status_code == 200
    assert other.get("/").status_code == 302


def test_a_session_ends_twelve_hours_after_sign_in_whoever_comes_back_meanwhile(
    mira, sign_in, frozen_time
):
    client = sign_in(mira)
    for _ in range(2):
        frozen_time.shift(timedelta(hours=5, minutes=59))
        assert client.post("/account/confirm/", {"password": PASSWORD}).status_code == 302
    assert client.get("/").status_code == 200

    frozen_time.shift(timedelta(minutes=2))

    assert client.get("/").url.startswith(LOGIN)
    assert "_auth_user_id" not in client.session


def test_a_session_of_which_nobody_noted_when_it_began_is_over(mira, sign_in):
    client = sign_in(mira)
    session = client.session
    del session["signed_in_at"]
    session.save()

    assert client.get("/").status_code == 302


def test_changing_the_password_leaves_what_the_directory_wrote_meanwhile(mira):
    read_before = Employee.objects.get(pk=mira.pk)
    Employee.objects.filter(pk=mira.pk).update(name="Mira New", is_active=False)

    AccountAdapter().set_password(read_before, "another fine long one")

    mira.refresh_from_db()
    assert (mira.name, mira.is_active) == ("Mira New", False)
    assert mira.check_password("another fine long one")


def test_asks_for_the_password_again(mira, sign_in):
    client = sign_in(mira)

    wrong = client.post("/account/confirm/", {"password": "wrong", "next": "/devices/"})
    right = client.post("/account/confirm/", {"password": PASSWORD, "next": "/devices/"})

    assert wrong.status_code == 422
    assert (right.status_code, right.url) == (302, "/devices/")


@pytest.mark.parametrize(
    "path",
    [
        LOGIN, "/account/inactive/", "/account/password/forgotten/",
        "/account/password/forgotten/sent/", "/account/password/new/done/",
    ],
)  # fmt: skip
def test_pages_for_everybody_stand_in_our_frame_and_in_no_cache(client, path):
    response = client.get(path)

    assert response.status_code == 200
    assert b"Consent Portal</title>" in response.content
    assert "no-store" in response["Cache-Control"]
    assert b"style=" not in response.content
