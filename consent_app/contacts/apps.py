from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "consent_app.contacts"
    label = "contacts"
