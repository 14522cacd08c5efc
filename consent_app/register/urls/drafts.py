"""Addresses of the draft; the views stand in `views.drafts` and `views.draft_tables`."""

from django.urls import path

from consent_app.register.views import draft_tables as tables
from consent_app.register.views import drafts as views

urlpatterns = [
    path("draft/words", views.draft_words, name="draft-words"),
    path("draft/kinds", views.draft_kinds, name="draft-kinds"),
    path("draft/notices", views.draft_notice, name="draft-notice"),
    path("draft/applications", views.draft_applications, name="draft-applications"),
    path("draft/applications.csv", tables.draft_export, name="draft-export"),
    path("draft/safeguards.csv", tables.draft_export_safeguards, name="draft-export-safeguards"),
    path("draft/application", views.draft_application_new, name="draft-application-new"),
    path("draft/applications/<slug:slug>", views.draft_application, name="draft-application"),
    path(
        "draft/applications/<slug:slug>/remove",
        views.draft_application_remove,
        name="draft-application-remove",
    ),
    path("draft/safeguards", views.draft_safeguards, name="draft-safeguards"),
    path("draft/safeguard", views.draft_safeguard_new, name="draft-safeguard-new"),
    path("draft/safeguards/<slug:slug>", views.draft_safeguard, name="draft-safeguard"),
    path(
        "draft/safeguards/<slug:slug>/remove",
        views.draft_safeguard_remove,
        name="draft-safeguard-remove",
    ),
    path("draft/import", tables.draft_import, name="draft-import"),
    path("draft/import/apply", tables.draft_import_apply, name="draft-import-apply"),
]
