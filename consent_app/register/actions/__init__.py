"""Every write to the register: one module per use case."""

from consent_app.register.actions.loading import DATA, load_register, portal_itself
from consent_app.register.actions.publishing import close_version, words_digest

__all__ = ["DATA", "close_version", "load_register", "portal_itself", "words_digest"]
