from django.urls import path

from consent_app.devices import views

urlpatterns = [
    path("", views.devices, name="devices"),
    path("code", views.code_issue, name="device-code"),
    path("code/used", views.code_used, name="device-code-used"),
    path("<uuid:device_id>/remove", views.device_remove, name="device-remove"),
]
