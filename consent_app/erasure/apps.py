from django.apps import AppConfig


class ErasureConfig(AppConfig):
    name = "consent_app.erasure"
    label = "erasure"
