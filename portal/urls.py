"""All addresses. Rooms bring their own; this file says where they stand."""

from allauth.account import views as account
from django.conf import settings
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from consent_app.devices.api.views import key_set
from portal import (
    contacts_page,
    forget,
    home,
    log_page,
    my_records,
    preferences,
    sign_in,
    views,
)
from portal.programme import programme
from portal.publishing import publish
from portal.register_page import register_page
from portal.service_page import service
from portal.try_it import try_it

handler400 = "portal.views.bad_request"
handler403 = "portal.views.forbidden"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"

urlpatterns = [
    # Signing up and changing an address have no page: the directory does both.
    path("account/login/", sign_in.SignIn.as_view(), name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/confirm/", sign_in.Reauthenticate.as_view(), name="account_reauthenticate"),
    path("account/password/", sign_in.ChangePassword.as_view(), name="account_change_password"),
    path(
        "account/password/first/",
        RedirectView.as_view(pattern_name="account_reset_password"),
        name="account_set_password",
    ),
    path(
        "account/password/forgotten/",
        sign_in.ForgotPassword.as_view(),
        name="account_reset_password",
    ),
    path(
        "account/password/forgotten/sent/",
        account.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^account/password/new/(?P<uidb36>[0-9a-f]{32})-(?P<key>[-0-9A-Za-z]{1,200})/$",
        sign_in.PasswordFromKey.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/new/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("", home.home, name="home"),
    path("pause", home.pause_start, name="pause-start"),
    path("pause/end", home.pause_end, name="pause-end"),
    path("devices/", include("consent_app.devices.urls.mine")),
    path("fleet/service", service, name="service"),
    path("fleet/", include("consent_app.devices.urls.fleet")),
    path("inbox/", include("consent_app.notifications.urls")),
    path("preferences/", preferences.preferences, name="preferences"),
    path("preferences/applications", preferences.keep_out, name="preference-application"),
    path("preferences/quiet-times", preferences.quiet_time_add, name="quiet-time-add"),
    path(
        "preferences/quiet-times/<uuid:quiet_time_id>/end",
        preferences.quiet_time_end,
        name="quiet-time-end",
    ),
    path("my-data/", include("consent_app.ledger.urls.mine")),
    path("my-data/forget/", forget.forget, name="forget"),
    path("my-data/forget/order", forget.forget_confirm, name="forget-confirm"),
    path("my-data/forget/<uuid:order_id>", forget.forget_order, name="forget-order"),
    path(
        "my-data/forget/<uuid:order_id>/certificate",
        forget.forget_certificate,
        name="forget-certificate",
    ),
    path("erasure/", include("consent_app.erasure.api.urls")),
    path("my-data/download/", include("consent_app.access.urls")),
    path("my-records/", my_records.my_records, name="my-records"),
    path("my-records/<int:index>/receipt", my_records.my_record_receipt, name="my-record-receipt"),
    path("contacts/", include("consent_app.contacts.urls")),
    path("contacts/notice", contacts_page.notice, name="contacts-notice"),
    path("contacts/mine/<str:token>", contacts_page.contact, name="contact"),
    # The last of these answers what nothing else does.
    path("agent/v1/", include("consent_app.ledger.api.urls")),
    path("agent/v1/", include("consent_app.devices.api.urls")),
    path(".well-known/jwks.json", key_set, name="jwks"),
    path("health", views.health, name="health"),
    path("notice/", include("portal.notices.urls")),
    path("what-is-collected/", register_page, name="register"),
    path("what-is-collected/try", try_it, name="register-try"),
    path("what-is-collected/", include("consent_app.register.urls.versions")),
    path("programme/", programme, name="programme"),
    path("programme/log/", log_page.log, name="log"),
    path("programme/log/checkpoint", log_page.log_checkpoint, name="log-checkpoint"),
    path("programme/register/publish", publish, name="register-publish"),
    path("programme/register/", include("consent_app.register.urls.drafts")),
    path("programme/register/", include("consent_app.register.urls.review")),
    path("programme/stops/", include("consent_app.restrictions.urls.stops")),
    path("programme/stores/", include("consent_app.erasure.urls.stores")),
    path("programme/incidents/", include("consent_app.ledger.urls.incidents")),
    path("requests/", include("exemptions.urls.form")),
    path("requests/", include("exemptions.urls.requests")),
    path("review/", include("exemptions.urls.queue")),
    path("review/", include("exemptions.urls.away")),
    path("review/", include("exemptions.urls.case")),
    path("routes/", include("exemptions.urls.routes")),
]

if settings.DEMO:
    urlpatterns.append(path("demo/", include("portal.demo_cast")))
