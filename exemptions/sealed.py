"""Seals and opens what belongs to a request with the request's own key (portal.lib.sealing)."""

from django.views.decorators.debug import sensitive_variables

from exemptions.errors import WrongState
from exemptions.models import Attachment, Decision, ExemptionRequest, Message
from portal.lib import sealing

ERASED = "(erased)"


@sensitive_variables()
def seal_text(request: ExemptionRequest, text: str, *, purpose: str) -> bytes:
    return seal_bytes(request, text.encode(), purpose=purpose)


@sensitive_variables()
def seal_bytes(request: ExemptionRequest, content: bytes, *, purpose: str) -> bytes:
    """Raises WrongState when the request's key was erased: nothing can be written any more."""
    if request.sealing_key is None:
        raise WrongState("What was written about this request was erased. Nothing can be added.")
    return sealing.seal(bytes(request.sealing_key), content, purpose=purpose)


@sensitive_variables()
def message_text(request: ExemptionRequest, message: Message) -> str:
    return _open_text(request, message.text, purpose=message.purpose)


@sensitive_variables()
def decision_text(request: ExemptionRequest, decision: Decision) -> str:
    return _open_text(request, decision.text, purpose=decision.purpose)


@sensitive_variables()
def attachment_name(request: ExemptionRequest, attachment: Attachment) -> str:
    return _open_text(request, attachment.name, purpose=f"{attachment.purpose}:name")


@sensitive_variables()
def attachment_content(request: ExemptionRequest, attachment: Attachment) -> bytes:
    """Raises Unreadable when the request's key was erased."""
    if request.sealing_key is None:
        raise sealing.Unreadable(f"the key of {request} was erased")
    key, sealed = bytes(request.sealing_key), bytes(attachment.content)
    return sealing.unseal(key, sealed, purpose=attachment.purpose)


@sensitive_variables()
def _open_text(request: ExemptionRequest, sealed: bytes | memoryview, *, purpose: str) -> str:
    """Return the text, or that it was erased: then its key is gone for good."""
    if request.sealing_key is None:
        return ERASED
    return sealing.unseal(bytes(request.sealing_key), bytes(sealed), purpose=purpose).decode()
