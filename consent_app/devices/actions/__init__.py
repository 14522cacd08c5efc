"""Every write to devices: one function per event."""

from consent_app.devices.actions.acknowledgements import receive_acknowledgement
from consent_app.devices.actions.counterparties import keep_counterparties
from consent_app.devices.actions.enrolment import (
    enrol_device,
    issue_enrolment_code,
    revoke_device,
    token_hash,
)
from consent_app.devices.actions.erasures import note_erasures_told
from consent_app.devices.actions.fleet import (
    Removal,
    accept_device,
    enrol_again,
    refuse_device,
    remove_devices,
)
from consent_app.devices.actions.policies import refresh_policies, sign_ceilings
from consent_app.devices.actions.rollouts import end_rollout, issue_rollout
from consent_app.devices.actions.runs import note_runs
from consent_app.devices.actions.upkeep import keep_policies

__all__ = [
    "Removal",
    "accept_device",
    "end_rollout",
    "enrol_again",
    "enrol_device",
    "issue_enrolment_code",
    "issue_rollout",
    "keep_counterparties",
    "keep_policies",
    "note_erasures_told",
    "note_runs",
    "receive_acknowledgement",
    "refresh_policies",
    "refuse_device",
    "remove_devices",
    "revoke_device",
    "sign_ceilings",
    "token_hash",
]
