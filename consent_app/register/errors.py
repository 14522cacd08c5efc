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


class NotProgrammeOwner(Refusal):
    code = "not_programme_owner"
    message = "Only the programme owner writes the register."


class NotLegal(Refusal):
    code = "not_legal"
    message = "Only legal decides on a version."


class SamePerson(Refusal):
    code = "same_person"
    message = "You wrote or proposed this version. Somebody else of legal decides on it."


class DraftExists(Refusal):
    code = "draft_exists"
    message = "The next version is being prepared already."


class DraftWithLegal(Refusal):
    code = "draft_with_legal"
    message = "Legal has this version. It can be changed when it comes back."


class SomebodyWroteMeanwhile(Refusal):
    code = "somebody_wrote_meanwhile"
    message = "Somebody changed this meanwhile. Here it is as it is now; look at it once more."


class WrongVersionState(Refusal):
    code = "wrong_version_state"
    message = "This version is not at that step any more."


class NothingChanged(Refusal):
    code = "nothing_changed"
    message = "This version says the same as the one before."


class ReasonMissing(Refusal):
    code = "reason_missing"
    message = "Say why, in a few words."


class NotImmaterial(Refusal):
    code = "not_immaterial"
    message = "More than the spelling of words changes, so everybody concerned is asked again."


class NotReady(Refusal):
    """Something still has to be written; `problems` names all of it."""

    code = "not_ready"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


class TooEarly(Refusal):
    code = "too_early"
    message = "People have to be told earlier than that."


class TooLate(Refusal):
    code = "too_late"
    message = "No version holds before this one, so let it hold within a year."


class NoSuchEntry(Refusal):
    code = "no_such_entry"
    message = "The draft does not hold this any more."


class KindInUse(Refusal):
    code = "kind_in_use"
    message = "An application would be collected from without any kind."


class IdentifierTaken(Refusal):
    code = "identifier_taken"
    message = "Another application has this name."


class PortalStaysExcluded(Refusal):
    code = "portal_stays_excluded"
    message = "Nothing is ever collected from the portal itself."


class PasswordsStayProtected(Refusal):
    code = "passwords_stay_protected"
    message = "Keystrokes in password fields are never collected, so this safeguard stays as it is."


class ApplicationWrong(Refusal):
    """What was written of an application can't be meant; `problems` holds all of it."""

    code = "application_wrong"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class SafeguardWrong(Refusal):
    """What was written of a safeguard can't be meant; `problems` holds all of it."""

    code = "safeguard_wrong"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
