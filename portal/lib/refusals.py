"""The base of every typed refusal: what was asked for is understood, and the answer is no.

A refusal knows no HTTP; `consent_app.devices.api.problems` maps each code to a status.
"""

from typing import ClassVar


class Refusal(Exception):
    """Raised by rules and actions. `code` is stable, `message` is safe to show to anybody."""

    code: ClassVar[str]
    message: str

    def __init__(self, message: str | None = None) -> None:
        if message is not None:
            self.message = message
        super().__init__(self.message)
