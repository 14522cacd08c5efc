"""Writing a request, page by page."""

from django.urls import path

from exemptions.views import form as views
from exemptions.views import form_scope, form_statement

urlpatterns = [
    path("new", views.request_new, name="request-new"),
    path("<uuid:request_id>/scope", form_scope.request_scope, name="request-scope"),
    path("<uuid:request_id>/period", views.request_period, name="request-period"),
    path("<uuid:request_id>/statement", form_statement.request_statement, name="request-statement"),
    # Exactly this address takes 11 MiB: portal/lib/limited_bodies.py.
    path("<uuid:request_id>/files", form_statement.request_files, name="request-files"),
    path(
        "<uuid:request_id>/files/<uuid:attachment_id>/remove",
        form_statement.request_file_remove,
        name="request-file-remove",
    ),
    path("<uuid:request_id>/check", views.request_check, name="request-check"),
    path("<uuid:request_id>/discard", views.request_discard, name="request-discard"),
]
