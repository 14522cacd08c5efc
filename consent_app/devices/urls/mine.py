from django.urls import path

from consent_app.devices.views import mine

urlpatterns = [
    path("", mine.devices, name="devices"),
    path("code", mine.code_issue, name="device-code"),
    path("code/used", mine.code_used, name="device-code-used"),
    path("<uuid:device_id>/remove", mine.device_remove, name="device-remove"),
    path("<uuid:device_id>/mine", mine.device_accept, name="device-accept"),
    path("<uuid:device_id>/not-mine", mine.device_refuse, name="device-refuse"),
]
