"""What people choose about pauses, preferences and stops."""

from consent_app.restrictions.forms.pauses import PauseForm

__all__ = ["PauseForm"]
