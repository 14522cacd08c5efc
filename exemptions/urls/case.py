"""One request as a reviewer sees it."""

from django.urls import path

from exemptions.views import case

urlpatterns = [
    path("<uuid:request_id>/", case.review_case, name="review-case"),
]
