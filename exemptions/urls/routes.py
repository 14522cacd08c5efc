"""Grounds and their routes."""

from django.urls import path

from exemptions.views import routes

urlpatterns = [
    path("", routes.routes, name="routes"),
    path("<slug:ground>/edit", routes.route_edit, name="route-edit"),
    path("<uuid:route_id>/propose", routes.route_propose, name="route-propose"),
    path("<uuid:route_id>/approve", routes.route_approve, name="route-approve"),
    path("<uuid:route_id>/return", routes.route_return, name="route-return"),
]
