"""The texts of notices: each form holds what its law asks for, and nothing asks anew by itself."""

import re

import pytest

from consent_app.register.models import Notice, NoticeForm
from consent_app.register.notice_fields import NEW_YORK_PHRASES
from consent_app.register.notice_texts import notice_texts, passages

each_form = pytest.mark.parametrize("form", NoticeForm)


@pytest.fixture
def texts(published):
    return {notice.form: notice.text for notice in Notice.objects.all()}


@each_form
def test_every_form_tells_what_is_always_told(texts, published, form):
    text = texts[form]
    fields = published.notice_fields

    for told in ("controller", "contact", "protection_officer", "rights", "complaint", "transfers"):
        assert " ".join(fields[told].split()) in text
    assert published.purpose in text
    for reader in published.readers:
        assert reader["who"] in text
    for kind in published.kinds.all():
        assert f"{kind.retention_days} days" in text


@each_form
def test_no_form_speaks_of_consent(texts, form):
    assert "consent" not in texts[form].lower()


@each_form
def test_no_form_holds_a_number_of_a_version(published, texts, form):
    later = published
    later.number = 2

    assert notice_texts(later, published.kinds.all())[form] == texts[form]


@each_form
def test_a_page_shows_every_word_of_it_and_no_other(texts, form):
    shown = "\n\n".join(
        f"{passage.label}: {passage.words}" if passage.label else passage.words
        for passage in passages(texts[form])
    )

    assert shown == texts[form]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (NoticeForm.DELAWARE, ["title 19, section 705", "electronic mail", "the internet"]),
        (NoticeForm.CONNECTICUT, ["section 31-48d", "movement and clicks", "posted"]),
        (NoticeForm.CALIFORNIA, ["section 1798.100", "neither sold nor shared"]),
        (NoticeForm.GDPR_13, ["Legal basis:", "Automated decisions:", "Complaints:", "6(1)"]),
        (NoticeForm.GDPR_14, ["Where it comes from:", "What of you can be seen:", "object"]),
    ],
)
def test_a_form_holds_what_its_law_asks_for(texts, form, words):
    for word in words:
        assert word in texts[form]


def test_new_york_is_told_in_the_words_of_its_law_and_that_less_is_collected(texts):
    text = texts[NoticeForm.NEW_YORK]

    for phrase in NEW_YORK_PHRASES:
        assert phrase in text.lower()
    assert "collects less" in text


def test_california_is_told_how_long_each_category_is_kept(texts, published):
    kept = next(p.words for p in passages(texts[NoticeForm.CALIFORNIA]) if "category" in p.label)

    assert kept == "Mouse movement: 90 days; Mouse clicks: 90 days; Keystrokes: 30 days."


def test_delaware_says_whether_it_comes_each_day(published):
    published.notice_fields |= {"delaware": "daily"}

    text = notice_texts(published, published.kinds.all())[NoticeForm.DELAWARE]

    assert "on each day" in text
    assert not re.search(r"given to you once", text)
