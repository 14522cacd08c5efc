"""The agent API, version 1. `portal/asgi.py` answers `policy` before Django sees it."""

from django.urls import path, re_path

from consent_app.devices.api import views

urlpatterns = [
    path("enrolments", views.enrolments, name="agent-enrolments"),
    path("policy", views.policy, name="agent-policy"),
    path("acknowledgements", views.acknowledgements, name="agent-acknowledgements"),
    path("pauses", views.pauses, name="agent-pauses"),
    path("pauses/current", views.current_pause, name="agent-current-pause"),
    re_path(r"^registers/(?P<digest>sha256:[0-9a-f]{64})$", views.registers, name="agent-register"),
    re_path(r"^filters/(?P<digest>sha256:[0-9a-f]{64})$", views.filters, name="agent-filter"),
    path("keys", views.keys, name="agent-keys"),
    path("openapi.json", views.description, name="agent-openapi"),
    re_path(r"^(?P<path>.*)$", views.unknown, name="agent-unknown"),
]
