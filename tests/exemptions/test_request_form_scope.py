"""The request form: what it is about. Choices are kept at every step, also without JavaScript."""

import pytest

from consent_app.register.models import Application
from exemptions.models import ExemptionRequest
from tests.exemption_fixtures import ORDINARY, fresh

pytestmark = pytest.mark.usefixtures("frozen_time")

CHOSEN = {"about": "chosen", "kinds": ["keystrokes", "mouse_click", "mouse_movement"]}
PART = {"HX-Request": "true"}


@pytest.fixture
def writer(organisation, grounds, sign_in):
    return sign_in(organisation.mira)


@pytest.fixture
def draft(writer):
    writer.post("/requests/new", {"ground": ORDINARY})
    return ExemptionRequest.objects.get()


@pytest.fixture
def scope(draft):
    return f"/requests/{draft.pk}/scope"


def found(response):
    return [application.slug for application in response.context["shown"]]


def chosen(response):
    return [application.slug for application in response.context["chosen"]]


def test_everything_is_what_a_draft_begins_with(writer, scope, draft):
    page = writer.get(scope)

    assert page.context["form"]["about"].value() == "all"
    assert len(page.context["form"]["kinds"].value()) == 3
    assert writer.post(scope, {"about": "all"} | {"kinds": CHOSEN["kinds"]}).status_code == 302
    assert (fresh(draft).applications, fresh(draft).kinds) == (None, None)


def test_only_what_is_collected_from_can_be_chosen(writer, scope):
    listed = writer.get(scope).context["listed_count"]

    excluded = writer.post(scope, CHOSEN | {"applications": ["bamboohr"]})

    assert listed == Application.objects.captured().count()
    assert excluded.status_code == 422


def test_choices_survive_searching_without_javascript(writer, scope, draft):
    first = writer.get(scope, {"about": "chosen", "search": "clion"})
    assert found(first) == ["clion"]
    ticked = {"shown": found(first), "applications": ["clion"], "search-now": "yes"}

    searched = writer.post(scope, CHOSEN | ticked | {"search": "calendly"}, follow=True)

    assert searched.redirect_chain[-1][0].endswith("about=chosen&search=calendly#applications")
    assert found(searched) == ["calendly"]
    assert chosen(searched) == ["clion"]
    writer.post(scope, CHOSEN | {"shown": ["calendly"], "applications": ["calendly"]})
    assert fresh(draft).applications == ["calendly", "clion"]


def test_what_is_not_ticked_any_more_is_not_chosen_any_more(writer, scope, draft):
    both = ["calendly", "clion"]
    writer.post(scope, CHOSEN | {"applications": both, "keep": "yes"})

    writer.post(scope, CHOSEN | {"shown": ["clion"], "keep": "yes"})

    assert fresh(draft).applications == ["calendly"]


def test_one_or_all_can_be_removed(writer, scope, draft):
    both = ["calendly", "clion"]
    writer.post(scope, CHOSEN | {"applications": both, "keep": "yes"})

    one = writer.post(scope, CHOSEN | {"remove": "clion"}, follow=True)
    assert chosen(one) == ["calendly"]
    none = writer.post(scope, CHOSEN | {"clear": "yes"}, follow=True)

    assert chosen(none) == []
    assert none.context["form"]["about"].value() == "chosen"
    assert "Until you choose one, the draft says everything." in none.content.decode()


def test_a_whole_category_can_be_chosen(writer, scope, draft):
    tools = Application.objects.captured().filter(category="developer_tools")

    page = writer.post(scope, CHOSEN | {"category": "developer_tools", "add": "yes"}, follow=True)

    assert len(tools) > 1
    assert sorted(chosen(page)) == sorted(tool.slug for tool in tools)
    assert fresh(draft).applications == sorted(tool.slug for tool in tools)


def test_the_page_shows_few_of_many(writer, scope, monkeypatch):
    monkeypatch.setattr("exemptions.views.form_scope.MOST_SHOWN", 3)

    page = writer.get(scope)

    assert len(found(page)) == 3
    assert "Search, or choose a category, to see others." in page.content.decode()


def test_going_on_needs_an_application_and_a_kind(writer, scope, draft):
    response = writer.post(scope, {"about": "chosen", "kinds": []})

    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"about", "kinds"}
    assert fresh(draft).applications is None


def test_looking_at_everything_does_not_forget_what_was_chosen(writer, scope, draft):
    writer.post(scope, CHOSEN | {"applications": ["clion"], "keep": "yes"})

    writer.post(scope, CHOSEN | {"about": "all", "keep": "yes"})
    assert fresh(draft).applications == ["clion"]
    writer.post(scope, CHOSEN | {"about": "all"})

    assert fresh(draft).applications is None


def test_what_the_register_lists_no_more_is_dropped(writer, scope, draft):
    ExemptionRequest.objects.filter(pk=draft.pk).update(applications=["gone", "clion"])

    response = writer.post(scope, CHOSEN)

    assert response.status_code == 302
    assert fresh(draft).applications == ["clion"]


@pytest.mark.parametrize(
    "given",
    [
        {"applications": ["clion", "../../etc"]},
        {"applications": ["<script>alert(1)</script>"]},
        {"shown": ["\u202enoilc"]},
        {"kinds": ["screen"]},
        {"about": "nothing"},
        {"about": ""},
        {"remove": "x" * 5000},
    ],
)
def test_what_the_page_does_not_offer_is_refused(writer, scope, draft, given):
    response = writer.post(scope, CHOSEN | {"applications": ["clion"]} | given)

    assert response.status_code == 422
    assert fresh(draft).version == draft.version


@pytest.mark.parametrize("query", [{"category": "all_of_them"}, {"search": "x" * 201}])
def test_a_search_that_no_page_offers_is_refused(writer, scope, query):
    assert writer.get(scope, query).status_code == 400


@pytest.mark.parametrize("text", ["%", "<script>alert(1)</script>", "{{7*7}}", "\u202e", "'"])
def test_what_is_searched_for_is_only_text(writer, scope, text):
    page = writer.get(scope, {"search": text})

    assert page.status_code == 200
    assert found(page) == []
    assert "<script>alert" not in page.content.decode()


@pytest.mark.parametrize("part", ["picker", "chosen-applications", "application-results"])
def test_htmx_gets_the_part_that_it_asks_for(writer, scope, part):
    headers = PART | {"HX-Target": part}

    answers = [
        writer.get(scope, {"search": "clion"}, headers=headers),
        writer.post(scope, CHOSEN | {"applications": ["clion"], "keep": "yes"}, headers=headers),
    ]

    for answer in answers:
        assert answer.status_code == 200
        text = answer.content.decode().strip()
        assert text.startswith(f'<div class="stack" id="{part}"') or f'id="{part}"' in text[:120]
        assert "<html" not in text


def test_the_page_asks_the_database_as_little_for_many(
    writer, scope, draft, django_assert_max_num_queries
):
    every = list(Application.objects.captured().values_list("slug", flat=True))
    writer.post(scope, CHOSEN | {"applications": every, "keep": "yes"})

    with django_assert_max_num_queries(14):
        page = writer.get(scope)

    assert len(chosen(page)) == len(every)
