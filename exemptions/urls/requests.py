"""My requests."""

from django.urls import path

from exemptions.views import requests as views

urlpatterns = [
    path("", views.my_requests, name="my-requests"),
    path("<uuid:request_id>/", views.my_request, name="my-request"),
    path("<uuid:request_id>/files/<uuid:attachment_id>", views.request_file, name="request-file"),
]
