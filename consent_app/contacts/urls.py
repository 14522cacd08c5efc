from django.urls import path

from consent_app.contacts import views

urlpatterns = [
    path("", views.look_up, name="contacts"),
    path("asked", views.look_up_asked, name="contacts-asked"),
    path("protected", views.protected, name="contacts-protected"),
    path("protected/<uuid:entry_id>/end", views.entry_end, name="contacts-entry-end"),
]
