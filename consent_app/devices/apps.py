from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "consent_app.devices"
    label = "devices"

    def ready(self) -> None:
        """Connect the listener to the project's one signal."""
        from consent_app.devices import listeners  # noqa: F401, PLC0415 (needs the loaded models)
