"""Enrolment codes that can be read aloud, and what is kept of them.

A code of an employee lets one device in, within minutes. One of a roll-out lets many in, for days,
and stands in scripts: it is twice as long, and nothing guesses it.
"""

import secrets
from datetime import timedelta

from django.utils.crypto import salted_hmac

# No 0/O or 1/I. 32 characters to the power of 8 is 40 bits, guarded by expiry and a rate limit.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
LENGTH = 8
ROLLOUT_LENGTH = 16
LIFETIME = timedelta(minutes=15)


def new_code(length: int = LENGTH) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def grouped(code: str) -> str:
    """Return the code as it is shown: ABCD-EFGH."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))


def hash_of(code: str) -> bytes:
    """Return what is stored: keyed, so that a dump of the database yields no usable code.

    Upper and lower case, spaces and dashes make no difference.
    """
    plain = "".join(character for character in code.upper() if character not in " -")
    return salted_hmac("consent_app.devices.codes", plain, algorithm="sha256").digest()
