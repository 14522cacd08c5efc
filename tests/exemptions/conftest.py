"""Reviewers in front of requests."""

import pytest

PASSWORD = "correct horse battery staple"


@pytest.fixture
def confirmed(sign_in):
    """Return a function that signs somebody in, who then gives their password once more."""

    def confirm(employee):
        employee.set_password(PASSWORD)
        employee.save()
        client = sign_in(employee)
        response = client.post("/account/confirm/", {"password": PASSWORD, "next": "/"})
        assert response.status_code == 302
        return client

    return confirm


def without_tokens(page: bytes) -> str:
    """Leave out what differs from one answer to the next: the tokens of the forms."""
    return "\n".join(line for line in page.decode().splitlines() if "csrf" not in line.lower())
