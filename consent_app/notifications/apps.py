from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "consent_app.notifications"
    label = "notifications"
