"""All addresses. Rooms bring their own; this file says where they stand."""

from django.urls import include, path

from portal import views

handler400 = "portal.views.bad_request"
handler403 = "portal.views.forbidden"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"

urlpatterns = [
    path("health", views.health, name="health"),
    path("requests/", include("exemptions.urls")),
]
