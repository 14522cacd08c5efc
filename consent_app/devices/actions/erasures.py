"""Tells the room of erasure orders which devices were given theirs: then their time begins."""

from consent_app.devices import queries
from consent_app.erasure.actions import note_told
from consent_app.erasure.queries import untold_devices


def note_erasures_told() -> None:
    if untold := untold_devices():
        note_told(queries.last_given(untold))
