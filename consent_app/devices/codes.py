"""Enrolment codes: eight characters that can be read aloud, and what is kept of them."""

import secrets
from datetime import timedelta

from django.utils.crypto import salted_hmac

# No 0/O or 1/I. 32 characters to the power of 8 is 40 bits, guarded by expiry and a rate limit.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 8
LIFETIME = timedelta(minutes=15)


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def grouped(code: str) -> str:
    """Return the code as it is shown: ABCD-EFGH."""
    return f"{code[:4]}-{code[4:]}"


def hash_of(code: str) -> bytes:
    """Return what is stored: keyed, so that a dump of the database yields no usable code.

    Upper and lower case, spaces and dashes make no difference.
    """
    plain = "".join(character for character in code.upper() if character not in " -")
    return salted_hmac("consent_app.devices.codes", plain, algorithm="sha256").digest()
