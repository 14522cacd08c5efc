"""The pages of IT."""

from django.urls import path

from consent_app.devices.views import chosen, fleet, rollouts

urlpatterns = [
    path("", fleet.fleet, name="fleet"),
    path("lag", fleet.fleet_lag, name="fleet-lag"),
    path("device/<uuid:device_id>", fleet.fleet_device, name="fleet-device"),
    path("chosen", chosen.fleet_chosen, name="fleet-chosen"),
    path("chosen/remove", chosen.fleet_remove, name="fleet-remove"),
    path("chosen/again", chosen.fleet_again, name="fleet-again"),
    path("rollouts", rollouts.rollouts, name="rollouts"),
    path("rollouts/<uuid:rollout_id>/end", rollouts.rollout_end, name="rollout-end"),
]
