"""Where this device's owner works, as the device knows it; the portal alone can't change that.

How much may be collected depends on the place, and the portal's policy key, which may be stolen,
says which. So the device keeps the place of its first policy. A later policy of another place is
followed in all that it takes away, and collects nothing (`gate`) until the owner says on the device
that they moved: `consent-agent moved`. Only a place where nothing may be collected needs no word.
"""

from collections.abc import Callable

from consent_agent.acceptance import Floors
from consent_agent.errors import StateRefused
from consent_agent.protocol.documents import Ceiling
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.state import PLACE_UNKNOWN, State, place_stamp
from consent_agent.wording import first_place_line, moved_line


class OwnPlace:
    """The place that a running agent goes by, in step with the file that the owner's word is."""

    def __init__(self, *, state: State, announce: Callable[[str], None]) -> None:
        self._state = state
        self._announce = announce
        self._known: str | None = None
        self._stamp: object = None
        self._is_owed = False
        self._told_of = ""

    @property
    def known(self) -> str:
        """The place, or `PLACE_UNKNOWN`, under which nothing is collected anywhere."""
        return PLACE_UNKNOWN if self._known is None else self._known

    def restore(self, floors: Floors) -> None:
        """Go on with what the last run knew."""
        self._read(floors)
        # Told by the floors alone: the next ones may know a second cohort, and tell no more.
        self._is_owed = self._stamp is None

    def look(self, floors: Floors) -> bool:
        """Read the file if it is another than the last time; say whether the place is, too."""
        before = self._known
        if place_stamp(self._state.path) != self._stamp:
            self._read(floors)
            self._is_owed = False
        return self._known != before

    def settle(self, ceiling: Ceiling) -> str:
        """Return the place, now that this ceiling comes into force.

        A device without one learns it so; with one, only where nothing is collected anyway.
        """
        before = self._known
        if before is None or (not ceiling.is_open and before != ceiling.cohort):
            self._known, self._is_owed = ceiling.cohort, True
        if before is None:
            self._announce(first_place_line(ceiling))
        elif ceiling.cohort not in (before, self._told_of):
            self._announce(moved_line(ceiling, before))
        self._told_of = ceiling.cohort
        return self.known

    def keep(self) -> None:
        """Have on disk what was settled.

        Raises:
            StateRefused: the disk refused; it stays owed.
        """
        if self._is_owed and self._known:
            self._state.write_place(self._known)
            self._stamp = place_stamp(self._state.path)
        self._is_owed = False

    def _read(self, floors: Floors) -> None:
        self._stamp = place_stamp(self._state.path)
        try:
            self._known = self._state.read_place(floors)
        except (StateRefused, DocumentRefused) as failure:
            self._announce(f"Where you work is not known any more: {failure}")
            self._known = PLACE_UNKNOWN
