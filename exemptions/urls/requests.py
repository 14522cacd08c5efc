"""My requests."""

from django.urls import path

from exemptions.views import requests as views

urlpatterns = [
    path("", views.my_requests, name="my-requests"),
    path("<uuid:request_id>/", views.my_request, name="my-request"),
    path("<uuid:request_id>/withdraw", views.request_withdraw, name="request-withdraw"),
    path("<uuid:request_id>/answer", views.request_answer, name="request-answer"),
    path("<uuid:request_id>/add", views.request_add, name="request-add"),
    path("<uuid:request_id>/appeal", views.request_appeal, name="request-appeal"),
    path("<uuid:request_id>/renew", views.request_renew, name="request-renew"),
    path("<uuid:request_id>/files/<uuid:attachment_id>", views.request_file, name="request-file"),
]
