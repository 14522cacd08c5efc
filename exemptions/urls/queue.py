"""The queue of a reviewer."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
