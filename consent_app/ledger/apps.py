from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "consent_app.ledger"
    label = "ledger"
