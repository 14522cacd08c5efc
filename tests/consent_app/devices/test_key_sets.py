"""Key sets that would bind devices for ever are neither signed nor kept (T21)."""

import pytest
from django.utils import timezone

from consent_agent.protocol.jws import sign
from consent_agent.protocol.members import MAX_VERSION
from consent_app.devices.actions.keys import keep_signed_keys, keys_to_sign
from consent_app.devices.errors import KeySetNotWanted, KeySetUnreadable
from consent_app.devices.key_sets import sign_file, unsigned_file
from consent_app.devices.models import SignedKeySet
from consent_app.people.queries import system_user
from portal.lib.keys import signing_key

REACHING_TOO_FAR = [{"version": MAX_VERSION}, {"expires_at": "2199-01-01T00:00:00Z"}]


@pytest.mark.parametrize("changes", REACHING_TOO_FAR)
@pytest.mark.django_db
def test_the_machine_with_the_key_signs_none(keys, changes):
    """A taken portal writes the file; the keys in it are the true ones."""
    payload = keys_to_sign(at=timezone.now()) | changes

    with pytest.raises(KeySetUnreadable, match="too far ahead"):
        sign_file(unsigned_file(payload), key=signing_key("programme"), at=timezone.now())


@pytest.mark.parametrize("changes", REACHING_TOO_FAR)
@pytest.mark.django_db
def test_the_portal_keeps_none(keys, changes):
    payload = keys_to_sign(at=timezone.now()) | changes
    signed = sign(payload, typ="keys+jws", key=signing_key("programme"))

    with pytest.raises(KeySetNotWanted):
        keep_signed_keys(jws=signed, by=system_user())

    assert not SignedKeySet.objects.exists()
