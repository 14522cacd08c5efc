"""The refusals of this room: a file is taken whole or not at all, with every problem named."""

from collections.abc import Sequence
from typing import NamedTuple

from portal.lib.refusals import Refusal


class Problem(NamedTuple):
    """What is wrong with one line of a file; the header is line 1."""

    line: int
    message: str


class FileRefused(Refusal):
    """Nothing of the file was taken over. `problems` holds all of them, by line."""

    code = "file_refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"The file has {count}; nothing was changed.")


class DirectoryRefused(FileRefused):
    """The directory can't be taken over as it is."""

    code = "directory_refused"


class JurisdictionsRefused(FileRefused):
    """The list of jurisdictions can't be taken over as it is."""

    code = "jurisdictions_refused"
