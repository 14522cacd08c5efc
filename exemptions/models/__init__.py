"""The tables of this room: grounds and routes, requests and their steps, texts, delegations."""

from exemptions.models.delegations import Delegation
from exemptions.models.grounds import Ground, Reviewer, Route, RouteState, RouteStep
from exemptions.models.requests import (
    PENDING,
    Decision,
    DeclineCode,
    ExemptionRequest,
    ReviewStep,
    State,
    Verdict,
)
from exemptions.models.texts import Attachment, Message, MessageKind

__all__ = [
    "PENDING",
    "Attachment",
    "Decision",
    "DeclineCode",
    "Delegation",
    "ExemptionRequest",
    "Ground",
    "Message",
    "MessageKind",
    "ReviewStep",
    "Reviewer",
    "Route",
    "RouteState",
    "RouteStep",
    "State",
    "Verdict",
]
