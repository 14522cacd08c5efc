from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    label = "portal"

    def ready(self) -> None:
        """Register the system checks and bind the shared tasks to our Celery application."""
        from portal import checks  # noqa: F401, PLC0415 (needs the loaded applications)
        from portal.celery import app  # noqa: F401, PLC0415 (needs the settings)
