"""The refusals of this room."""

from collections.abc import Sequence
from typing import NamedTuple

from portal.lib.refusals import Refusal


class WrongField(NamedTuple):
    """A place in what was reported ("reports.3.kind"), and what is wrong with it."""

    field: str
    detail: str


class ReportRefused(Refusal):
    """Nothing of a report was kept. `fields` names every row that is wrong, and no other."""

    def __init__(self, fields: Sequence[WrongField]) -> None:
        self.fields = fields
        super().__init__()


class HourOutOfRange(ReportRefused):
    code = "out_of_range"
    message = "Hours are at most 7 days old, and never ahead."


class Undeclared(ReportRefused):
    code = "undeclared"
    message = "The register of that hour does not list it. Send the other rows again without it."


class IncidentForbidden(Refusal):
    code = "incident_forbidden"
    message = "Incidents are closed by the programme owner or by legal."


class IncidentClosedAlready(Refusal):
    code = "incident_closed_already"
    message = "Somebody has closed this incident already."


class ExplanationMissing(Refusal):
    code = "explanation_missing"
    message = "Say what happened and what was done."
