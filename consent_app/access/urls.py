from django.urls import path

from consent_app.access import views

urlpatterns = [
    path("", views.access_download, name="access-download"),
    path("ask", views.access_request, name="access-request"),
    path("<uuid:copy_id>.zip", views.access_file, name="access-file"),
]
