"""Addresses; the views stand in `consent_app.restrictions.views`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
