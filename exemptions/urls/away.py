"""Being away, and who decides meanwhile."""

from django.urls import path

from exemptions.views import away

urlpatterns = [
    path("away", away.review_away, name="review-away"),
    path("away/<uuid:delegation_id>/end", away.review_away_end, name="review-away-end"),
]
