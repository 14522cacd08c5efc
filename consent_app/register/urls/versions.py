from django.urls import path

from consent_app.register.views import draft_tables as tables
from consent_app.register.views import versions as views

urlpatterns = [
    path("versions/", views.versions, name="register-versions"),
    path("versions/<int:number>", views.version, name="register-version"),
    path("versions/<int:number>/applications.csv", tables.version_export, name="register-export"),
    path(
        "versions/<int:number>/safeguards.csv",
        tables.version_export_safeguards,
        name="register-export-safeguards",
    ),
    path("changes", views.changes, name="register-changes"),
]
