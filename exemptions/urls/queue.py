"""The queue of a reviewer."""

from django.urls import path

from exemptions.views import queue, together

urlpatterns = [
    path("", queue.review, name="review"),
    path("bulk", together.review_bulk, name="review-bulk"),
]
