"""Where this device's owner works, as the device knows it; the portal alone can't change that.

How much may be collected depends on the place, and the portal's policy key, which may be stolen,
says which. So the device keeps the place of its first policy. A later policy of another place is
followed in all that it takes away, and collects nothing (`gate`) until the owner says on the device
that they moved: `consent-agent moved`. A place where nothing may be collected needs no word; the
way back from there does.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from consent_agent.acceptance import Floor, Floors
from consent_agent.floors import PLACE_UNKNOWN, Place
from consent_agent.protocol.documents import Ceiling
from consent_agent.state import State, place_stamp
from consent_agent.wording import first_place_line, moved_line


class OwnPlace:
    """The place that a running agent goes by, in step with its file, which the owner may write."""

    def __init__(self, *, state: State, announce: Callable[[str], None]) -> None:
        self._state = state
        self._announce = announce
        self._place = Place()
        self._stamp: object = None
        self._is_owed = False
        self._said: object = None

    @property
    def known(self) -> str:
        """The cohort, or `PLACE_UNKNOWN`, under which nothing is collected anywhere."""
        return self._place.cohort

    def restore(self, floors: Floors | None) -> None:
        """Go on with what the last run knew; None are floors that were lost.

        Without them a ceiling of this place may be an older one. That is for the owner to say.
        """
        self._read(Floors() if floors is None else floors)
        if floors is None:
            self._put(replace(self._place, cohort=PLACE_UNKNOWN, is_open_to_first=False))

    @property
    def ceilings(self) -> Mapping[str, Floor]:
        """The floors of ceilings that are kept beside the place."""
        return self._place.ceilings

    def note(self, floors: Floors) -> None:
        """Keep a copy of the floors of ceilings beside the place, which is nothing without them."""
        self._put(replace(self._place, ceilings=floors.ceilings))

    def look(self) -> bool:
        """Read the file if it is another than the last time; say whether the place is, too."""
        before = self.known
        if place_stamp(self._state.path) != self._stamp:
            self._read(Floors())
        return self.known != before

    def settle(self, ceiling: Ceiling, floors: Floors) -> str:
        """Return the place, now that a policy with this ceiling comes into force.

        The first one says where that is. One that moves the owner to where nothing is collected
        leaves none: by that ceiling nobody is harmed, and by another of the same place they may.
        """
        self.look()
        place, cohort = self._place, self.known
        moves = place.told not in ("", ceiling.cohort) or place.told_open
        if place.is_open_to_first:
            cohort = ceiling.cohort
        elif moves and not ceiling.is_open and ceiling.cohort != cohort:
            cohort = PLACE_UNKNOWN
        self._put(
            Place(
                cohort,
                told=ceiling.cohort,
                told_open=ceiling.is_open,
                ceilings=floors.ceilings,
            )
        )
        self._say(ceiling, is_first=place.is_open_to_first, before=place.cohort)
        return cohort

    def keep(self) -> None:
        """Have on disk what was settled; what the owner said since stays, and is looked at next.

        Raises:
            StateRefused: the disk refused; it stays owed.
        """
        if not self._is_owed:
            return
        with self._state.writing_place():
            place = self._place
            if place_stamp(self._state.path) not in (self._stamp, None):
                said = self._state.read_place(Floors())
                place = replace(place, cohort=said.cohort, is_open_to_first=said.is_open_to_first)
            self._state.write_place(place)
        self._is_owed = False

    def _put(self, place: Place) -> None:
        if place != self._place:
            self._place, self._is_owed = place, True

    def _read(self, floors: Floors) -> None:
        self._stamp = place_stamp(self._state.path)
        self._place = self._state.read_place(floors)
        self._is_owed = self._stamp is None

    def _say(self, ceiling: Ceiling, *, is_first: bool, before: str) -> None:
        """Announce what the owner should know, once."""
        said = ceiling.cohort, ceiling.is_open, self.known
        if said == self._said:
            return
        if is_first:
            self._announce(first_place_line(ceiling))
        elif ceiling.cohort != before:
            self._announce(moved_line(ceiling, self.known))
        self._said = said
