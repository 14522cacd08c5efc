from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    label = "portal"

    def ready(self) -> None:
        """Register checks and receivers, and bind the shared tasks to our Celery application."""
        from portal import checks, sessions  # noqa: F401, PLC0415 (need the loaded applications)
        from portal.celery import app  # noqa: F401, PLC0415 (needs the settings)
