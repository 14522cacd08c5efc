from django.urls import path

from consent_app.erasure.api.views import confirmations

urlpatterns = [path("confirmations", confirmations, name="erasure-confirmations")]
