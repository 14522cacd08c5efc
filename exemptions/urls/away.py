"""Being away, and who decides meanwhile."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
