"""Links that open somebody's page without an account: encrypted, signed, and good for a day.

The address is in the link, so that nothing has to be kept until it is opened, and nobody who reads
a log of addresses that were visited can read it there. The key is made of SECRET_KEY for this one
purpose. Format: Fernet (AES-128-CBC with HMAC-SHA-256, and the time it was made).
"""

from base64 import urlsafe_b64encode
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from consent_app.contacts.errors import LinkUnusable

LINKS_LAST = timedelta(hours=24)


def new_token(address: str) -> str:
    """Return what stands in the link to the page of a normalised address."""
    now = round(timezone.now().timestamp())
    # Mail programs may take padding at the end of a link for no part of it.
    return _cipher().encrypt_at_time(address.encode(), now).decode().rstrip("=")


def address_of(token: str) -> str:
    """Return whose page the link opens.

    Raises:
        LinkUnusable: it is too old, or not one of ours.
    """
    now = round(timezone.now().timestamp())
    padded = token + "=" * (-len(token) % 4)
    try:
        content = _cipher().decrypt_at_time(padded.encode(), round(LINKS_LAST.total_seconds()), now)
    except InvalidToken:
        raise LinkUnusable from None
    return content.decode()


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    digest = salted_hmac("consent_app.contacts.links", "", secret=secret, algorithm="sha256")
    return urlsafe_b64encode(digest.digest())
