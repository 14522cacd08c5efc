"""Addresses of the draft; the views stand in `consent_app.register.views.drafts`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
