"""Makes receipts of entries of the log. They are made when asked for; none is kept."""

from django.utils import timezone

from consent_agent.protocol.canonical import parse_json
from consent_agent.protocol.receipts import Entry, Inclusion, write_receipt
from consent_app.audit import queries
from consent_app.audit.models import Details, Leaf
from portal.lib.keys import published_keys, signing_key


def receipt_for(leaf: Leaf, *, with_details: bool = True) -> bytes:
    """Return the receipt of an entry, against the head of the log as it is now.

    Without details it says no more than the entry itself, as where they were erased.

    Raises:
        KeysMissing: the checkpoint key is not here.
    """
    head = queries.tree_head()
    path = queries.inclusion_proof(leaf.index, head.size)
    members = parse_json(leaf.content())
    assert isinstance(members, dict)  # noqa: S101 (`content` writes an object)
    details = Details.objects.filter(leaf=leaf).first() if with_details else None
    return write_receipt(
        Entry(
            leaf=members,
            details=details.content if details else None,
            salt=bytes(details.salt) if details else None,
        ),
        Inclusion(index=leaf.index, size=head.size, root=head.root, path=tuple(path)),
        issued_at=timezone.now(),
        key=signing_key("checkpoint"),
        published=published_keys(),
    )
