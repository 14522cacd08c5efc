"""The page "What is collected": its words, and the search over all applications."""

import re

import pytest
from django.utils.html import escape

from consent_app.register.models import Application, Category
from consent_app.restrictions.actions import start_pause

PAGE = "/what-is-collected/"
PART = {"HX-Request": "true"}


@pytest.fixture
def reader(published, mira, sign_in):
    """Return the client of somebody without a device, while a register is published."""
    return sign_in(mira)


def test_the_page_says_what_why_who_and_how_long(reader, published):
    page = reader.get(PAGE).content.decode()

    assert escape(published.purpose) in page
    assert escape(published.limits) in page
    for kind in published.kinds.all():
        assert escape(kind.explanation) in page
        assert f"{kind.retention_days} days" in page
    for who in published.readers:
        assert escape(who["why"]) in page
    for entry in published.never_collected:
        assert escape(entry["what"]) in page


def test_the_counts_add_up(reader):
    page = words(reader.get(PAGE))

    assert "Of the 522 applications below, 355 are collected from and 167 never are." in page


def test_every_application_is_on_one_of_the_pages_sorted_as_people_sort(reader):
    seen = [name for number in range(1, 12) for name in names(reader.get(PAGE, {"page": number}))]

    assert seen == sorted(Application.objects.values_list("name", flat=True), key=str.lower)


def test_the_reason_of_each_exclusion_stands_beside_it(reader):
    page = words(reader.get(PAGE, {"search": "bamboohr"}))

    assert "Never collected: HR records" in page


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("bamboo", ["BambooHR"]),
        ("SALESFORCE.COM", ["Salesforce"]),
        ("https://acme.bamboohr.com/home?x=1", ["BambooHR"]),
        ("acme.bamboohr.com", ["BambooHR"]),
        ("com.tinyspeck.slackmacgap", ["Slack"]),
        ("agilebits", ["1Password"]),
    ],
)
def test_search_finds_by_name_vendor_address_and_program(reader, search, found):
    response = reader.get(PAGE, {"search": search})

    assert set(found) <= set(names(response))
    assert len(names(response)) < 10


def test_signs_that_mean_something_elsewhere_are_only_text(reader):
    signs = ["%", "_", "\\", "100%", "'", '"', "<b>", "\u202e", "(", ".", "*", "$$"]

    answers = {sign: reader.get(PAGE, {"search": sign}) for sign in signs}

    assert {answer.status_code for answer in answers.values()} == {200}
    assert [names(answers[sign]) for sign in ("%", "_", "\\")] == [[], [], []]


def test_a_search_without_result_says_what_to_do(reader):
    page = words(reader.get(PAGE, {"search": "no such thing"}))

    assert "0 of 522 applications match." in page
    assert "No application matches" in page
    assert "Show all applications" in page


def test_filters_narrow_by_category_and_by_what_is_collected(reader):
    excluded = reader.get(PAGE, {"collected": "no", "category": Category.BROWSER})
    collected = reader.get(PAGE, {"collected": "yes", "category": Category.BROWSER})

    assert len(names(excluded)) == 2
    assert len(names(collected)) == 13
    assert "13 of 522 applications match." in words(collected)


def test_a_filter_stays_while_turning_pages(reader):
    page = reader.get(PAGE, {"collected": "no"}).content.decode()

    assert 'href="?collected=no&amp;page=2"' in page


def test_refuses_what_the_page_never_offers(reader):
    queries = [
        "page=-1", "page=0", "page=abc", "page=1e9", "page=" + "9" * 5000,
        "category=fun", "collected=maybe", "search=a%00b", "search=" + "x" * 201,
    ]  # fmt: skip

    statuses = {query: reader.get(f"{PAGE}?{query}").status_code for query in queries}

    assert statuses == dict.fromkeys(queries, 400)


def test_there_is_no_page_after_the_last(reader):
    assert reader.get(PAGE, {"page": "11"}).status_code == 200
    assert reader.get(PAGE, {"page": "12"}).status_code == 404
    assert reader.get(PAGE, {"page": "9" * 400}).status_code == 404


def test_unknown_parameters_change_nothing(reader):
    response = reader.get(PAGE, {"order_by": "password", "page_size": "1000", "_connector": "OR"})

    assert len(names(response)) == 50


def test_the_partial_is_the_list_alone(reader):
    response = reader.get(PAGE, {"search": "bamboo"}, headers=PART)

    page = response.content.decode()
    assert names(response) == ["BambooHR"]
    assert 'id="application-list"' in page
    assert "1 of 522 applications match." in page
    assert "<form" not in page
    assert "HX-Request" in response["Vary"]


def test_without_javascript_the_search_is_a_form_with_a_button(reader):
    page = reader.get(PAGE, {"search": "bamboo"}).content.decode()

    form = re.search(
        r'<form class="search" action="/what-is-collected/#applications".*?</form>', page, re.DOTALL
    )
    assert form is not None
    assert 'method="get"' in form[0]
    assert 'value="bamboo"' in form[0]
    assert "<button>" in form[0]


def test_without_a_device_there_is_no_verdict_for_me(reader):
    page = words(reader.get(PAGE))

    assert "You have no device enrolled, so nothing is collected from you." in page
    assert "For you, now" not in page


def test_with_a_device_each_application_says_what_holds_for_me(enrol, mira, sign_in):
    enrol(mira)
    client = sign_in(mira)

    assert row_of(client, "slack").endswith("Collected Collected")
    assert row_of(client, "bamboohr").endswith("Never collected")


def test_while_paused_the_list_says_so(enrol, mira, sign_in):
    enrol(mira)
    start_pause(employee=mira, by=mira, minutes=15)
    client = sign_in(mira)

    assert row_of(client, "slack").endswith("Collected Paused")
    assert row_of(client, "bamboohr").endswith("Never collected")


def test_before_a_register_nothing_is_collected(mira, sign_in):
    page = words(sign_in(mira).get(PAGE))

    assert (
        "No register has been published yet, and without one no device collects anything." in page
    )


def test_strangers_sign_in_first(client):
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_sent_there(reader, method):
    assert getattr(reader, method)(PAGE).status_code == 405


def test_the_number_of_queries_is_bounded(enrol, mira, sign_in, django_assert_max_num_queries):
    for number in range(3):
        enrol(mira, f"LAPTOP-{number}")
    client = sign_in(mira)

    with django_assert_max_num_queries(27):
        client.get(PAGE, {"search": "a"})


def test_a_page_has_no_inline_script_or_style(reader):
    page = reader.get(PAGE).content.decode()

    assert not re.search(r"<style|<script(?![^>]*src=)| style=| on[a-z]+=|hx-on|javascript:", page)


def names(response) -> list[str]:
    """Return the applications that the list shows, in its order."""
    table = response.content.decode().partition('id="application-list"')[2]
    found = re.findall(r'<th scope="row">\s*(.*?)\s*<span', table, re.DOTALL)
    return [name.replace("&amp;", "&").replace("&#x27;", "'") for name in found]


def row_of(client, search: str) -> str:
    """Return the first row of a search, as a reader sees it."""
    page = client.get(PAGE, {"search": search}).content.decode()
    table = page.partition('id="application-list"')[2]
    return " ".join(
        re.sub(r"<[^>]*>", " ", table.partition("<tbody>")[2].partition("</tr>")[0]).split()
    )


def words(response) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())
