"""All addresses. Rooms bring their own; this file says where they stand."""

from django.urls import include, path

from consent_app.devices.api.views import key_set
from portal import home, views
from portal.register_page import register_page
from portal.try_it import try_it

handler400 = "portal.views.bad_request"
handler403 = "portal.views.forbidden"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"

urlpatterns = [
    path("", home.home, name="home"),
    path("pause", home.pause_start, name="pause-start"),
    path("pause/end", home.pause_end, name="pause-end"),
    path("devices/", include("consent_app.devices.urls")),
    path("agent/v1/", include("consent_app.devices.api.urls")),
    path(".well-known/jwks.json", key_set, name="jwks"),
    path("health", views.health, name="health"),
    path("what-is-collected/", register_page, name="register"),
    path("what-is-collected/try", try_it, name="register-try"),
    path("requests/", include("exemptions.urls")),
]
