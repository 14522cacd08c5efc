"""The page on which a reviewer decides: what it shows, to whom, and what each button does."""

import pytest
from django.urls import reverse

from consent_app.audit.models import Leaf
from exemptions.models import State
from tests.exemption_fixtures import fresh

pytestmark = pytest.mark.usefixtures("frozen_time")


def test_shows_the_case(make_request, organisation, sign_in):
    request = make_request()

    response = sign_in(organisation.jonas).get(reverse("review-case", args=[request.pk]))

    assert response.status_code == 200
    assert b"I do not want my work to train a model." in response.content
    assert Leaf.objects.filter(event="request.opened").count() == 1


def test_approves(make_request, organisation, sign_in):
    request = make_request()

    response = sign_in(organisation.jonas).post(
        reverse("review-decide", args=[request.pk]), {"verdict": "approve", "seen": request.version}
    )

    assert response.status_code == 302
    assert fresh(request).decisions.count() == 1
    assert fresh(request).state == State.IN_REVIEW
