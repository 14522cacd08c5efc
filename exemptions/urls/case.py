"""One request as a reviewer sees it."""

from django.urls import path

from exemptions.views import case

urlpatterns = [
    path("<uuid:request_id>/", case.review_case, name="review-case"),
    path("<uuid:request_id>/decide", case.review_decide, name="review-decide"),
    path("<uuid:request_id>/ask", case.review_ask, name="review-ask"),
    path("<uuid:request_id>/message", case.review_message, name="review-message"),
    path("<uuid:request_id>/note", case.review_note, name="review-note"),
    path("<uuid:request_id>/assign", case.review_assign, name="review-assign"),
    path("<uuid:request_id>/delay", case.review_delay, name="review-delay"),
    path("<uuid:request_id>/revoke", case.review_revoke, name="review-revoke"),
    path("<uuid:request_id>/files/<uuid:attachment_id>", case.review_file, name="review-file"),
]
