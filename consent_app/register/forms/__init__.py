"""What people type about the register."""

from consent_app.register.forms.register import RegisterSearchForm, TryItForm

__all__ = ["RegisterSearchForm", "TryItForm"]
