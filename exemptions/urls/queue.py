"""The queue of a reviewer."""

from django.urls import path

from exemptions.views import queue

urlpatterns = [
    path("", queue.review, name="review"),
]
