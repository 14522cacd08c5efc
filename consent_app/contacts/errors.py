"""The refusals of this room."""

from portal.lib.refusals import Refusal


class ListForbidden(Refusal):
    code = "list_forbidden"
    message = "Only legal keeps the list."


class LinesUnclear(Refusal):
    """Some lines are no entry; `problems` says of each which and why."""

    code = "lines_unclear"
    message = "Nothing was added: some lines are neither an address nor a domain."

    def __init__(self, problems: list[str]) -> None:
        super().__init__()
        self.problems = problems


class ListReasonMissing(Refusal):
    code = "reason_missing"
    message = "Say why."


class EntryEnded(Refusal):
    code = "entry_ended"
    message = "This entry has ended already."


class LinkUnusable(Refusal):
    code = "link_unusable"
    message = "This link is too old, or not whole."
