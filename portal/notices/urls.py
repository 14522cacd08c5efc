"""The addresses of notices and of free choices."""

from django.urls import path

from portal.notices import choices, views

urlpatterns = [
    path("", views.notice, name="notice"),
    path("served", views.notice_served, name="notice-served"),
    path("read", views.notice_read, name="notice-read"),
    path("acknowledge", views.notice_acknowledge, name="notice-acknowledge"),
    path("versions/<int:number>/", views.notice_version, name="notice-version"),
    path("poster/<slug:form>/", views.notice_poster, name="notice-poster"),
    path("choice", choices.choice, name="choice"),
    path("choice/<uuid:record_id>", choices.choice_record, name="choice-record"),
]
