"""One request as a reviewer sees it."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
