"""What a test that commits leaves behind: nothing, in the cache neither."""

import pytest
from django.core.cache import cache
from django.core.management import call_command

from consent_app.people.models import Jurisdiction


@pytest.mark.django_db(transaction=True)
def test_nothing_that_was_committed_stays(make_jurisdiction):
    make_jurisdiction("X01")
    cache.set("rate:enrol:somebody", [1.0], 600)

    # As Django's own TransactionTestCase does after each test.
    call_command(
        "flush", verbosity=0, interactive=False, reset_sequences=False, inhibit_post_migrate=True
    )

    assert not Jurisdiction.objects.filter(code="X01").exists()
    assert cache.get("rate:enrol:somebody") is None
