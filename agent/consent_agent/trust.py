"""Whose signatures the running agent believes, and when it asks the portal for newer keys.

It asks when a document is signed with a key that it does not know, when the key that signs changes
(the one before may have been withdrawn), and once a day. What it gets is believed only where a
programme key that was pinned at enrolment signed it. What follows from other keys for the policy in
force is left to `loop`. Source: docs/agent-protocol.md, section 5.
"""

import random
from typing import Final

from consent_agent.client import PortalClient
from consent_agent.clock import Clock
from consent_agent.protocol.errors import DocumentRefused
from consent_agent.protocol.jws import PROGRAMME_ROLE, KeySet, key_id
from consent_agent.protocol.keys import read_key_set
from consent_agent.state import State

LOOK_EVERY_SECONDS: Final = 24 * 60 * 60.0
# A fleet that starts at once must not ask at once.
FIRST_LOOK_WITHIN_SECONDS: Final = 10 * 60.0
LOOK_AGAIN_SECONDS: Final = 60.0
# Refusals that newer keys may cure. The versions: a key that was stolen may have raised the floors,
# and they fall again once it is withdrawn.
CURABLE: Final = frozenset(
    {"unknown_key", "keys_expired", "rollback", "version_reused", "version_jump"}
)


class Trust:
    """The keys of one enrolled device; `keys` is what is believed now."""

    def __init__(self, state: State, client: PortalClient, clock: Clock) -> None:
        self._state = state
        self._client = client
        self._clock = clock
        self._token: str | None = None
        self._signed_by: str | None = None
        self._look_at = 0.0
        self.keys = state.enrolment.keys

    def restore(self, *, at_least: int) -> None:
        """Go on with the newest set that was kept, `at_least` of this version.

        Raises:
            StateRefused, DocumentRefused: it can't be trusted. Until the portal sent another,
                nothing but the programme keys is.
        """
        # Of this version also where its file is gone: nobody can bring an older set back.
        self.keys = KeySet(self.keys.of_role(PROGRAMME_ROLE), version=at_least)
        keys, token = self._state.read_keys()
        if keys.version < at_least:
            return
        self.keys, self._token = keys, token
        if token is not None:
            self._look_in(random.uniform(0, FIRST_LOOK_WITHIN_SECONDS))  # noqa: S311

    async def renew(self) -> bool:
        """Ask the portal for its key set; say whether it named other keys.

        Raises:
            AgentError: the portal did not answer.
            DocumentRefused: the set is not to be believed; what was believed stays.
        """
        self._look_in(LOOK_AGAIN_SECONDS)
        token = await self._client.fetch_keys()
        if token is not None and token != self._token:
            keys = read_key_set(token, pinned=self._state.enrolment.keys, held=self.keys)
            if keys.version == self.keys.version and self._token is not None:
                raise DocumentRefused("version_reused", "keys")
            self._state.write_keys(token)
            self.keys, self._token = keys, token
            is_news = True
        else:
            is_news = False
        self._look_in(LOOK_EVERY_SECONDS)
        return is_news

    def is_due(self, freshness: str) -> bool:
        """Say whether to ask for keys, now that this freshness was accepted."""
        signed_by = key_id(freshness)
        changed = self._signed_by not in (None, signed_by)
        self._signed_by = signed_by
        return changed or self._clock.now().steady >= self._look_at

    def _look_in(self, seconds: float) -> None:
        self._look_at = self._clock.now().steady + seconds
