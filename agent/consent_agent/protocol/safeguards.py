"""Content safeguards of the register: password fields, card numbers, sign-in pages, legal holds.

Finds protected content in a field's description, a text, an address, a title or a category, and
masks text. Checksums come from python-stdnum. Which verdict a finding leads to is left to
`decision`. Source: the register's matching rules.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from stdnum import luhn, verhoeff
from stdnum.br import cpf
from stdnum.es import dni
from stdnum.fr import nir
from stdnum.iso7064 import mod_97_10
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import rtn

from consent_agent.protocol.errors import RegisterRefused
from consent_agent.protocol.members import Members

MASK: Final = "[masked]"
# Longer addresses and titles are not searched; `decision` refuses them instead.
MAX_TEXT_LENGTH: Final = 16 * 1024


class Detector(StrEnum):
    """Where a safeguard looks."""

    FIELD_TYPE = "field_type"
    REGEX = "regex"
    URL_PATTERN = "url_pattern"
    WINDOW_TITLE = "window_title"
    APP_CATEGORY = "app_category"


class Action(StrEnum):
    """What a finding asks for."""

    DROP_EVENT = "drop_event"
    MASK_TEXT = "mask_text"
    PAUSE_CAPTURE = "pause_capture"


_DEFAULT_ACTION: Final[Mapping[Detector, Action]] = {
    Detector.FIELD_TYPE: Action.DROP_EVENT,
    Detector.REGEX: Action.MASK_TEXT,
    Detector.URL_PATTERN: Action.PAUSE_CAPTURE,
    Detector.WINDOW_TITLE: Action.PAUSE_CAPTURE,
    Detector.APP_CATEGORY: Action.PAUSE_CAPTURE,
}


def _is_iban(number: str) -> bool:
    return bool(mod_97_10.is_valid(number[4:] + number[:4]))


# Each is given a number without separators, in capitals.
_VALIDATORS: Final[Mapping[str, Callable[[str], bool]]] = {
    "none": lambda _: True,
    "luhn": luhn.is_valid,
    "iban_mod97": _is_iban,
    "aba": rtn.is_valid,
    "nir_mod97": nir.is_valid,
    "dni_mod23": dni.is_valid,
    "bsn_11": bsn.is_valid,
    "pesel": pesel.is_valid,
    "cpf": cpf.is_valid,
    "verhoeff": verhoeff.is_valid,
}
VALIDATORS: Final = tuple(_VALIDATORS)
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Safeguard:
    """One safeguard. `expression` is None for `app_category`, whose `pattern` is the category."""

    id: str
    protects: str
    detector: Detector
    pattern: str
    validator: str
    action: Action
    explanation: str
    expression: re.Pattern[str] | None

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Read a safeguard; `validator` and `action` may be absent.

        Raises:
            DocumentRefused: a member is missing or not known, or the pattern does not compile.
        """
        detector = _read_word(Detector, members.text("detector"))
        action = members.text_or_none("action")
        validator = members.text_or_none("validator") or "none"
        if validator not in _VALIDATORS:
            raise RegisterRefused(f"validator {validator}")
        return cls(
            id=members.text("id"),
            protects=members.text("class"),
            detector=detector,
            pattern=members.text("pattern"),
            validator=validator,
            action=_read_word(Action, action) if action else _DEFAULT_ACTION[detector],
            explanation=members.text("explanation"),
            expression=_compile(members.text("pattern"), detector),
        )

    def matches(self, text: str) -> bool:
        """Say whether `text` (for `app_category`: a category) holds what this protects."""
        if self.expression is None:
            return text == self.pattern
        if self.validator == "none":
            return self.expression.search(text) is not None
        return next(self.find(text), None) is not None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where in `text` protected content starts and ends."""
        if self.expression is None:
            return
        position = 0
        while match := self.expression.search(text, position):
            end = self._valid_end(match)
            if end is not None:
                yield match.start(), end
            # After a failed checksum the number may still begin one character later.
            position = match.start() + 1 if end is None else max(end, match.start() + 1)

    def _valid_end(self, match: re.Match[str]) -> int | None:
        """Shorten the match word by word until its checksum is right: text may follow a number."""
        start, text = match.start(), match.string
        shorter: re.Match[str] | None = match
        while shorter is not None:
            if self._is_valid(shorter):
                return shorter.end()
            cut = text.rfind(" ", start, shorter.end())
            shorter = match.re.match(text, start, cut) if cut > start else None
        return None

    def _is_valid(self, match: re.Match[str]) -> bool:
        number = match.group(1) if match.re.groups else match.group()
        return _VALIDATORS[self.validator](_SEPARATORS.sub("", number or "").upper())


_PASSWORD_FIELDS: Final = re.compile(
    r"(?:^|;)(?:type=password|autocomplete=(?:[^;]*\s)?(?:current|new)-password"
    r"|subrole=AXSecureTextField|uia\.IsPassword=true|atspi\.role=password[ _]text)(?:;|$)",
    re.IGNORECASE,
)
# What no register has to list and none can take away.
PASSWORD_FIELDS: Final = Safeguard(
    id="built-in-password-fields",
    protects="password_field",
    detector=Detector.FIELD_TYPE,
    pattern=_PASSWORD_FIELDS.pattern,
    validator="none",
    action=Action.DROP_EVENT,
    explanation="Fields for passwords",
    expression=_PASSWORD_FIELDS,
)


class Safeguards:
    """All safeguards of a register, by where they look, and PASSWORD_FIELDS behind them."""

    def __init__(self, safeguards: Iterable[Safeguard]) -> None:
        self._all = tuple(safeguards)
        self._refusing = {
            detector: tuple(
                safeguard
                for safeguard in self._all
                if safeguard.detector is detector and safeguard.action is not Action.MASK_TEXT
            )
            for detector in Detector
        }
        self._refusing[Detector.FIELD_TYPE] += (PASSWORD_FIELDS,)
        self._by_category = {
            safeguard.pattern: safeguard for safeguard in self._refusing[Detector.APP_CATEGORY]
        }
        # A text that holds something protected is masked, whatever else should happen to it.
        self._masking = tuple(
            safeguard
            for safeguard in self._all
            if safeguard.detector is Detector.REGEX or safeguard.action is Action.MASK_TEXT
        )

    def __iter__(self) -> Iterator[Safeguard]:
        return iter(self._all)

    def refusing_category(self, category: str) -> Safeguard | None:
        return self._by_category.get(category)

    def refusing(self, detector: Detector, *texts: str) -> Safeguard | None:
        """Return the first safeguard that forbids capture where one of `texts` is seen."""
        for safeguard in self._refusing[detector]:
            for text in texts:
                if safeguard.matches(text):
                    return safeguard
        return None

    def mask(self, text: str) -> str:
        """Return `text` with everything protected in it replaced by MASK."""
        spans = sorted(span for safeguard in self._masking for span in safeguard.find(text))
        kept: list[str] = []
        position = 0
        for start, end in spans:
            if start >= position:
                kept += (text[position:start], MASK)
            position = max(position, end)
        return "".join((*kept, text[position:]))


def _read_word[Word: StrEnum](words: type[Word], text: str) -> Word:
    try:
        return words(text)
    except ValueError:
        raise RegisterRefused(f"{words.__name__.lower()} {text}") from None


def _compile(pattern: str, detector: Detector) -> re.Pattern[str] | None:
    if detector is Detector.APP_CATEGORY:
        return None
    flags = re.IGNORECASE if detector is Detector.FIELD_TYPE else re.NOFLAG
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError):
        raise RegisterRefused(f"pattern {pattern}") from None
