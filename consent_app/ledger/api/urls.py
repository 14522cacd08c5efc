"""What devices report. Stands before the rest of the agent API, whose last address takes all."""

from django.urls import path

from consent_app.ledger.api import views

urlpatterns = [path("ledger", views.ledger, name="agent-ledger")]
