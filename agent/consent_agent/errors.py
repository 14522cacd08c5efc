"""Everything the agent can fail with.

Each failure has a stable `code` for logs and for the conformance suite, and a message for the
person at the device. Refused documents are `protocol.errors.DocumentRefused`; what a failure means
for collecting is left to `gate` and `loop`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PASSING_STATUSES: Final = frozenset({401, 403, 408, 425, 429})


class AgentError(Exception):
    """A failure that the agent foresees; `exit_status` is what the command line ends with."""

    code = "agent_error"
    exit_status = 1


class NotEnrolled(AgentError):
    """There is no enrolment in the state folder."""

    code = "not_enrolled"
    exit_status = 3

    def __init__(self) -> None:
        super().__init__("This device is not enrolled. Run: consent-agent enrol URL CODE")


class AlreadyEnrolled(AgentError):
    """The state folder holds an enrolment, which another must not overwrite."""

    code = "already_enrolled"

    def __init__(self) -> None:
        super().__init__("This device is enrolled already. Remove it in the portal first.")


class StateRefused(AgentError):
    """A file of the state folder was altered, cut short, or lies open to other users."""

    code = "state_refused"
    exit_status = 6

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} in the state folder {problem}.")


class FolderRefused(AgentError):
    """The state folder is not this user's alone."""

    code = "folder_refused"
    exit_status = 6

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"The state folder {path} {problem}.")


class AlreadyRunning(AgentError):
    """Another agent works on the same state folder."""

    code = "already_running"
    exit_status = 7

    def __init__(self) -> None:
        super().__init__("An agent runs on this state folder already.")


class InsecureAddress(AgentError):
    """The portal's address would send the device's token in the clear."""

    code = "insecure_address"

    def __init__(self) -> None:
        super().__init__(
            "The portal's address must begin with https:// (http:// on loopback only)."
        )


class PortalUnreachable(AgentError):
    """No answer: no network, no server, or not in time."""

    code = "portal_unreachable"
    exit_status = 5

    def __init__(self, problem: str) -> None:
        super().__init__(f"The portal cannot be reached ({problem}).")


class Slept(AgentError):
    """The computer slept while a call was under way."""

    code = "slept"

    def __init__(self) -> None:
        super().__init__("This computer was asleep; asking the portal anew.")


class AnswerRefused(AgentError):
    """An answer that no portal would give; `code` says what was wrong with it."""

    exit_status = 5

    def __init__(self, code: str) -> None:
        super().__init__(f"The portal's answer was refused ({code}).")
        self.code = code


class PortalRefused(AgentError):
    """The portal said no. `retry_after` in seconds, where it said when to ask again.

    `fields` names what of the body it did not take, where it said so: `reports.3.application`.
    """

    exit_status = 5

    def __init__(
        self,
        *,
        status: int,
        code: str,
        retry_after: float | None = None,
        fields: Sequence[str] = (),
    ) -> None:
        super().__init__(f"The portal refused ({status} {code}).")
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.fields = fields

    @property
    def is_passing(self) -> bool:
        """Say whether the same request may be taken later."""
        return self.status >= 500 or self.status in _PASSING_STATUSES


class FileUnreadable(AgentError):
    """A file that the person named cannot be read."""

    code = "file_unreadable"

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} cannot be read ({problem}).")


class ReceiptRefused(AgentError):
    """A receipt that proves nothing; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"This receipt proves nothing ({code}).")
        self.code = code


class HistoryRefused(AgentError):
    """A history, or a file that was kept, that proves nothing; `code` says why."""

    def __init__(self, path: Path, code: str) -> None:
        super().__init__(f"{path} proves nothing ({code}).")
        self.code = code


class HistoryTooShort(AgentError):
    """The history does not begin at what was kept; nothing is proved either way."""

    def __init__(self, path: Path, size: str) -> None:
        super().__init__(
            f"The history says nothing about {path}. Ask the portal for one since {size} entries."
        )


class LogRewritten(AgentError):
    """Two heads that the portal signed contradict each other."""

    def __init__(self, history: Path, kept: Path, detail: str) -> None:
        super().__init__(
            f"THE LOG WAS REWRITTEN: {detail}. The portal signed both {kept} and {history},"
            " and they contradict each other. Keep both files: they are the evidence."
        )


class DeviceRevoked(AgentError):
    """The portal revoked this device: stop, and forget everything."""

    code = "device_revoked"
    exit_status = 4

    def __init__(self) -> None:
        super().__init__("This device was revoked. Nothing is collected; its policy is deleted.")
