from django.urls import path

from consent_app.ledger.views import mine as views

urlpatterns = [
    path("", views.my_data, name="my-data"),
    path("counts.csv", views.my_data_csv, name="my-data-csv"),
    path("counts.json", views.my_data_json, name="my-data-json"),
]
