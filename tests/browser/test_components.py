"""All pieces on one page, rendered here and shown by the real server with its styles and policy."""

from datetime import timedelta
from pathlib import Path

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from portal.templatetags.portal_ui import STATES

GALLERY = Path(__file__).with_name("gallery.html")


class QuestionForm(forms.Form):
    email = forms.EmailField(label="Work e-mail", help_text="Where we may write to you.")
    reason = forms.CharField(label="What is it about?", widget=forms.Textarea)
    length = forms.ChoiceField(
        label="For how long?",
        choices=[("once", "This once"), ("always", "From now on")],
        widget=forms.RadioSelect,
    )
    read = forms.BooleanField(label="I have read the notice")


def gallery_context(make_employee) -> dict[str, object]:
    now = timezone.now()
    done = [("requested", "done"), ("signed", "done"), ("delivered", "done")]
    steps = [{"label": label, "state": state, "at": now} for label, state in done]
    return {
        "user": make_employee(),
        "sections": [("health", "Home", 0), ("account_login", "What is collected", 0)],
        "my_devices": {
            "state": "paused",
            "sentence": "Your 2 devices are paused until 10:32.",
            "paused_until": now + timedelta(minutes=14),
            "can_pause": True,
        },
        "messages": ["LAPTOP-1 is enrolled."],
        "now": now,
        "later": now + timedelta(minutes=14),
        "states": STATES,
        "steps": [*steps, {"label": "confirmed by LAPTOP-1", "state": "current", "at": None}],
        "failed_steps": [
            steps[0],
            {
                "label": "refused by DESKTOP-7",
                "state": "failed",
                "at": now,
                "note": "Its clock is wrong.",
            },
            {"label": "confirmed by DESKTOP-7", "state": "pending", "at": None},
        ],
        "list_page": Paginator(range(60), 25).page(2),
        "form": QuestionForm({"email": "mira"}),
    }


@pytest.fixture
def open_gallery(live_portal, make_employee):
    """Show the gallery under an address of the portal, with the policy that the portal sends."""

    def open_in(page, scheme: str = "light"):
        request = RequestFactory().get("/gallery")
        context = Context(gallery_context(make_employee))
        context.request = request
        html = Template(GALLERY.read_text()).render(context)
        policy = page.request.get("/health").headers["content-security-policy"]
        headers = {"content-type": "text/html", "content-security-policy": policy}
        page.route("**/gallery", lambda route: route.fulfill(body=html, headers=headers))
        page.emulate_media(color_scheme=scheme)
        page.goto("/gallery")

    return open_in


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_component_is_accessible(open_gallery, page, assert_accessible, scheme):
    open_gallery(page, scheme)

    assert_accessible(page)
