"""Where this device's owner works, as the device knows it; the portal alone can't change that.

How much may be collected depends on the place, and the portal's policy key, which may be stolen,
says which. So the device keeps the place of its first policy. A later policy of another place is
followed in all that it takes away, and collects nothing (`gate`) until the owner says on the device
that they moved: `consent-agent moved`. A place where nothing may be collected needs no word; the
way back from there does.
"""

from collections.abc import Callable

from consent_agent.acceptance import Floors
from consent_agent.protocol.documents import Ceiling
from consent_agent.state import PLACE_UNKNOWN, State, place_stamp
from consent_agent.wording import first_place_line, moved_line

_NO_FLOORS = Floors(has_place=True)


class OwnPlace:
    """The place that a running agent goes by, in step with the file that the owner's word is."""

    def __init__(self, *, state: State, announce: Callable[[str], None]) -> None:
        self._state = state
        self._announce = announce
        self._known: str | None = None
        self._stamp: object = None
        self._is_owed = False
        self._had_policy = False
        self._told_of = ""

    @property
    def known(self) -> str:
        """The place, or `PLACE_UNKNOWN`, under which nothing is collected anywhere."""
        return PLACE_UNKNOWN if self._known is None else self._known

    def restore(self, floors: Floors | None) -> None:
        """Go on with what the last run knew; None are floors that were lost.

        Without them a ceiling of this place may be an older one. That is for the owner to say.
        """
        self._had_policy = floors is None or bool(floors.ceilings)
        self._read(_NO_FLOORS if floors is None else floors)
        if floors is None:
            self._known, self._is_owed = PLACE_UNKNOWN, True

    def look(self) -> bool:
        """Read the file if it is another than the last time; say whether the place is, too."""
        before = self._known
        if place_stamp(self._state.path) != self._stamp:
            self._read(_NO_FLOORS)
        return self._known != before

    def settle(self, ceiling: Ceiling, before: Ceiling | None) -> str:
        """Return the place, now that this ceiling comes into force after the one before.

        The first policy says where that is. One that moves the owner to where nothing is collected
        leaves none: by that ceiling nobody is harmed, and by the next of the same place they may.
        """
        self.look()
        known = self._known
        moves = before is None or before.cohort != ceiling.cohort
        if known is None:
            self._known, self._is_owed = ceiling.cohort, True
            self._announce(first_place_line(ceiling))
        elif moves and not ceiling.is_open and ceiling.cohort != known and self._had_policy:
            self._known, self._is_owed = PLACE_UNKNOWN, True
        if known is not None and ceiling.cohort not in (known, self._told_of):
            self._announce(moved_line(ceiling, known))
        self._told_of, self._had_policy = ceiling.cohort, True
        return self.known

    def keep(self) -> None:
        """Have on disk what was settled.

        Raises:
            StateRefused: the disk refused; it stays owed.
        """
        if self._is_owed:
            # The next look reads it back: it may be the owner's word of this very moment.
            self._state.write_place(self.known)
            self._is_owed = False

    def _read(self, floors: Floors) -> None:
        self._stamp = place_stamp(self._state.path)
        self._known = self._state.read_place(floors)
        self._is_owed = self._stamp is None and self._known is not None
