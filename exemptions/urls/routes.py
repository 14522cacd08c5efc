"""Grounds and their routes."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
