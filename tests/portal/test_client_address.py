"""Who counts as one sender."""

from types import SimpleNamespace

import pytest
from django.test import RequestFactory

from portal.lib.client_address import client_address
from portal.rsgi import _question


@pytest.mark.parametrize(
    ("connected", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("", "unknown"),
        ("unix:", "unix:"),
    ],
)
def test_a_network_of_ipv6_is_one_sender(rf: RequestFactory, connected, counted):
    assert client_address(rf.get("/", REMOTE_ADDR=connected)) == counted


def test_behind_our_proxy_the_last_entry_counts(rf: RequestFactory, settings):
    settings.BEHIND_PROXY = True

    request = rf.get("/", headers={"X-Forwarded-For": "192.0.2.7, 2001:db8::9"})

    assert client_address(request) == "2001:db8::"


@pytest.mark.parametrize(
    ("connected", "forwarded", "behind_proxy", "counted"),
    [
        ("192.0.2.7:51000", "", False, "192.0.2.7"),
        ("192.0.2.7:51000", "198.51.100.1", False, "192.0.2.7"),
        ("127.0.0.1:51000", "203.0.113.9, 198.51.100.1", True, "198.51.100.1"),
        ("[2001:db8:1:2::7]:51000", "", False, "2001:db8:1:2::"),
    ],
)
def test_the_poll_counts_the_same_sender(settings, connected, forwarded, behind_proxy, counted):
    settings.BEHIND_PROXY = behind_proxy
    headers = {"x-forwarded-for": forwarded} if forwarded else {}

    asked = _question(SimpleNamespace(client=connected, headers=headers))

    assert asked.address() == counted
