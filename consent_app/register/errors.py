"""The refusals of the register."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.lib.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file; `line` 0 stands for the whole file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class RegisterExists(Refusal):
    code = "register_exists"
    message = "There is a register already. A change of it is a new version."


class RegisterNotPublished(Refusal):
    code = "register_not_published"
    message = "No register has been published yet, so nothing is collected."


class RegisterInvalid(Refusal):
    """The files say something that can't be meant; `problems` holds everything that was found."""

    code = "register_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RegisterTooLarge(Refusal):
    code = "register_too_large"
    message = "The register's document would be larger than devices accept (4 MiB)."


class NoticeChanged(Refusal):
    code = "notice_changed"
    message = "The notice has changed since this page was opened. Here it is as it is now."


class NoChoiceHere(Refusal):
    code = "no_choice_here"
    message = "The law where you work leaves nothing to choose here."
