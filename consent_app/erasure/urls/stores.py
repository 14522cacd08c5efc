from django.urls import path

from consent_app.erasure.views import stores

urlpatterns = [path("", stores, name="data-stores")]
