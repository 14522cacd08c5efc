from django.urls import path

from consent_app.register.views import review as views

urlpatterns = [
    path("", views.review, name="register-review"),
    path("notices", views.notices, name="register-notices"),
    path("start", views.start, name="register-start"),
    path("discard", views.discard, name="register-discard"),
    path("propose", views.propose, name="register-propose"),
    path("return", views.send_back, name="register-return"),
    path("approve", views.approve, name="register-approve"),
]
