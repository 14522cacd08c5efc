"""Addresses; the views stand in `consent_app.register.views`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
