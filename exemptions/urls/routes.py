"""Grounds and their routes."""

from django.urls import path

from exemptions.views import routes

urlpatterns = [
    path("", routes.routes, name="routes"),
]
