from django.urls import path

from consent_app.register.views import drafts
from consent_app.register.views import versions as views

urlpatterns = [
    path("versions/", views.versions, name="register-versions"),
    path("versions/<int:number>", views.version, name="register-version"),
    path("versions/<int:number>/applications.csv", drafts.version_export, name="register-export"),
    path("changes", views.changes, name="register-changes"),
]
