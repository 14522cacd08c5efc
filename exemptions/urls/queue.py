"""The queue of a reviewer."""

from django.urls import path

from exemptions.views import bulk, queue

urlpatterns = [
    path("", queue.review, name="review"),
    path("bulk", bulk.review_bulk, name="review-bulk"),
]
