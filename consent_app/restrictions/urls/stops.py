from django.urls import path

from consent_app.restrictions.views import stops as views

urlpatterns = [
    path("", views.stops, name="stops"),
    path("<uuid:stop_id>/restart", views.stop_restart, name="stop-restart"),
    path("<uuid:stop_id>/agree", views.stop_agree, name="stop-agree"),
    path("<uuid:stop_id>/decline", views.stop_decline, name="stop-decline"),
]
