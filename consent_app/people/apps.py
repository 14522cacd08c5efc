from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "consent_app.people"
    label = "people"
