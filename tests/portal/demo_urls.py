"""The portal's addresses as they are with PORTAL_MODE=demo."""

from django.urls import include, path

from portal.urls import handler400, handler403, handler404, handler500
from portal.urls import urlpatterns as everywhere

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

urlpatterns = [*everywhere, path("demo/", include("portal.demo_cast"))]
