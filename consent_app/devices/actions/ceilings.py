"""Keeping ceilings that were signed on another machine."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from consent_agent.protocol import documents
from consent_agent.protocol.canonical import canonical_json, content_digest, parse_json
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import KeySet, verify
from consent_app.devices.actions.policies import ceilings_to_sign, keep_ceiling
from consent_app.devices.errors import CeilingNotWanted, CeilingUnsigned
from consent_app.devices.models import Ceiling
from consent_app.people.models import Employee
from portal.lib.keys import published_keys

# What a ceiling says beside its content.
_ISSUE = ("version", "issued_at")


@transaction.atomic
def keep_signed(*, signed: Iterable[str], by: Employee) -> list[Ceiling]:
    """Keep these ceilings, all or none; one that is kept already is passed over.

    Raises:
        CeilingUnsigned: one does not carry the signature of a published programme key.
        CeilingNotWanted: one says something else than is to be signed now; it names the cohort.
        RegisterMissing: no register is in force.
        KeysMissing: no key is published.
    """
    now = timezone.now()
    keys = KeySet.from_jwks(published_keys())
    known = set(Ceiling.objects.values_list("digest", flat=True))
    wanted = {
        (unsigned.jurisdiction.cohort, unsigned.version): unsigned
        for unsigned in ceilings_to_sign(at=now)
    }
    kept = []
    for jws in signed:
        if content_digest(jws.encode()) in known:
            continue
        ceiling, content = _verified(jws, keys)
        unsigned = wanted.get((ceiling.cohort, ceiling.version))
        if unsigned is None or unsigned.content_digest != content or ceiling.issued_at > now:
            raise CeilingNotWanted(
                f"{ceiling.cohort} version {ceiling.version} is not what is to be signed now. "
                "Write the file anew with --out."
            )
        kept.append(keep_ceiling(unsigned, jws=jws, by=by, at=now))
    return kept


def _verified(jws: str, keys: KeySet) -> tuple[documents.Ceiling, str]:
    """Return a ceiling and the digest of its content, which leaves out version and time."""
    try:
        payload = verify(jws, typ="ceiling+jws", keys=keys)
        ceiling = documents.Ceiling.from_payload(payload)
    except DocumentRefused as refusal:
        raise CeilingUnsigned(f"A ceiling was refused: {refusal}.") from refusal
    members = parse_json(payload)
    assert isinstance(members, dict)  # noqa: S101 (it was read as a ceiling)
    content = {name: value for name, value in members.items() if name not in _ISSUE}
    return ceiling, content_digest(canonical_json(content))
