from django.urls import path

from consent_app.ledger.views import incidents as views

urlpatterns = [
    path("", views.incidents, name="incidents"),
    path("<uuid:incident_id>/close", views.incident_close, name="incident-close"),
]
