from django.urls import path

from consent_app.notifications import views

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("read", views.inbox_read_all, name="inbox-read-all"),
    path("<uuid:message_id>/read", views.inbox_read, name="inbox-read"),
    path("preferences", views.inbox_preferences, name="inbox-preferences"),
]
