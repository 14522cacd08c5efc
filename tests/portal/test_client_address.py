"""Who counts as one sender."""

import pytest
from django.test import RequestFactory

from portal.lib.client_address import client_address


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
