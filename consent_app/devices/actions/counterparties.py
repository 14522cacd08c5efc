"""Telling devices who is protected: another filter where that changed, named by new ceilings."""

import logging

from consent_app.contacts.actions import forget_filters, renew_filter
from consent_app.devices.actions.policies import sign_ceilings
from consent_app.devices.counterparties import is_newest_filter_signed, named_filters
from consent_app.devices.errors import RegisterMissing
from consent_app.people.queries import system_user
from portal.lib.keys import KeysMissing

logger = logging.getLogger(__name__)


def keep_counterparties() -> None:
    """Build a filter if who is protected changed, sign ceilings that name it, forget old ones.

    Where the programme key is not here, the filter waits for the next signing, and those who look
    after the list see that.
    """
    renew_filter()
    if not is_newest_filter_signed():
        try:
            sign_ceilings(by=system_user())
        except (KeysMissing, RegisterMissing):
            logger.info("the newest filter waits for the next signing of ceilings")
    forget_filters(named=named_filters())
