"""The matcher, on every row that ships and on addresses meant to fool it."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_agent.protocol.errors import RegisterRefused
from consent_agent.protocol.matching import Register
from tests.agent.simulated_portal import REGISTER_DOCUMENT, read_rows, register_members, split

ROWS = read_rows("applications.csv")
REGISTER = Register.from_document(REGISTER_DOCUMENT)
DOMAINS = [domain for row in ROWS for domain in split(row["domains"])]


def application(**changes):
    match = {
        "macos_bundle_ids": ["com.example.App"],
        "windows_executables": ["Example.exe"],
        "linux_executables": ["example"],
        "domains": ["example.com"],
    }
    return {
        "slug": "example",
        "name": "Example",
        "vendor": "Example",
        "category": "developer_tools",
        "kinds": ["keystrokes"],
        "match": match | changes.pop("match", {}),
        "communication": False,
        "excluded": False,
        "reason": None,
    } | changes


@pytest.fixture
def make_register():
    def make(*applications, **changes) -> Register:
        members = register_members(applications=list(applications), **changes)
        return Register.from_document(json.dumps(members).encode())

    return make


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["slug"])
def test_each_identifier_belongs_to_its_own_row(row):
    found = [
        *(REGISTER.match_url(f"https://{domain}/") for domain in split(row["domains"])),
        *(REGISTER.match_url(f"https://x.{domain}/") for domain in split(row["domains"])),
        *(REGISTER.match_program(i.upper(), "macos") for i in split(row["macos_bundle_id"])),
        *(REGISTER.match_program(i.upper(), "windows") for i in split(row["windows_executable"])),
        *(REGISTER.match_program(i, "linux") for i in split(row["linux_executable"])),
        *(REGISTER.match_program(i) for i in split(row["linux_executable"])),
        REGISTER.find(row["slug"]),
        REGISTER.search_name(row["name"].upper()),
        REGISTER.search_name(f" {row['slug']} "),
    ]

    assert {match.slug if match else None for match in found} == {row["slug"]}


def test_no_name_stands_for_two_rows_of_the_shipped_register():
    names = [
        name
        for row in ROWS
        for column in ("slug", "macos_bundle_id", "windows_executable", "linux_executable")
        for name in split(row[column])
    ]

    assert {len(REGISTER.match_application(name)) for name in names} == {1}


def test_linux_executables_keep_their_capitals(make_register):
    register = make_register(application())

    assert register.match_program("example", "linux")
    assert register.match_program("Example", "linux") is None


def test_the_longest_domain_wins(make_register):
    register = make_register(
        application(slug="portal", match={"domains": ["live.com"]}),
        application(
            slug="mail",
            match={
                "domains": ["outlook.live.com"],
                "macos_bundle_ids": [],
                "windows_executables": [],
                "linux_executables": [],
            },
        ),
    )

    assert register.match_url("https://a.outlook.live.com/").slug == "mail"
    assert register.match_url("https://outlook2.live.com/").slug == "portal"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "HTTPS://EXAMPLE.COM/",
        "http://example.com:8080/path",
        "https://example.com.:443/",
        "https://user:pass@example.com/",
        "https://evil.test@example.com/",
        "https://example.com?x=https://evil.test",
        "https://example.com#@evil.test",
        "https://a.b.c.example.com/@evil.test",
    ],
)
def test_matches_the_host_that_a_browser_would_open(make_register, url):
    assert make_register(application()).match_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        "https:example.com",
        "https:///example.com",
        "https://notexample.com/",
        "https://example.com.evil.test/",
        "https://example.com@evil.test/",
        "https://evil.test/example.com",
        "https://evil.test?example.com",
        "https://evil.test#.example.com",
        "https://evil.test\\@example.com/",
        "https://evil.test\\.example.com/",
        "https://evil.test/\n.example.com",
        "https://exa\tmple.com/",
        "https://example.com..",
        "https://.example.com",
        "https://example%2ecom/",
        "https://[example.com]/",
        "https://example.com:80:80/",
        "https://example.com:port/",
        "https://\uff45xample.com/",
        "https://example。com/",
        "http\u017f://example.com/",
        "https://com/",
        "ftp://example.com/",
        "file://example.com/etc/passwd",
        "chrome-extension://example.com/",
        "javascript:https://example.com/",
        "view-source:https://example.com/",
        "data:text/html,https://example.com/",
        "https://example.com/" + "a" * 20_000,
    ],
)
def test_does_not_match_what_only_looks_like_the_host(make_register, url):
    assert make_register(application()).match_url(url) is None


def test_matches_an_international_name_in_both_spellings(make_register):
    register = make_register(application(match={"domains": ["xn--bcher-kva.example"]}))

    assert register.match_url("https://www.bücher.example/")
    assert register.match_url("https://www.xn--bcher-kva.example/")


def test_does_not_fold_letters_that_browsers_keep_apart(make_register):
    register = make_register(application(match={"domains": ["strasse.example"]}))

    assert register.match_url("https://straße.example/") is None


hosts = st.one_of(
    st.sampled_from(DOMAINS),
    st.builds("{}{}".format, st.text("abc-.", max_size=4), st.sampled_from(DOMAINS)),
    st.builds("{}{}".format, st.sampled_from(DOMAINS), st.text("abc-.@:/?#\\ ", max_size=6)),
    st.text(max_size=20),
)


@given(hosts)
def test_never_matches_a_host_that_is_not_an_entry_or_below_one(host):
    url = f"https://{host}/"
    found = REGISTER.match_url(url)

    if found is not None:
        actual = (urlsplit(url).hostname or "").removesuffix(".")
        actual = actual.encode("idna").decode()
        assert any(actual == entry or actual.endswith("." + entry) for entry in found.domains)


def test_a_name_that_platforms_disagree_about_prefers_the_excluded_row(make_register):
    nothing = {"macos_bundle_ids": [], "windows_executables": [], "linux_executables": []}
    register = make_register(
        application(slug="a", match=nothing | {"domains": [], "windows_executables": ["same"]}),
        application(
            slug="b",
            excluded=True,
            match=nothing | {"domains": [], "linux_executables": ["same"]},
        ),
    )

    assert register.match_program("same").slug == "b"
    assert {row.slug for row in register.match_application("same")} == {"a", "b"}


@pytest.mark.parametrize(
    "safeguard",
    [
        {"pattern": "("},
        {"pattern": "a{99999999999}"},
        {"pattern": ""},
        {"detector": "smell"},
        {"validator": "crystal_ball"},
        {"action": "ignore"},
        {"id": None},
    ],
)
def test_refuses_a_register_with_one_safeguard_it_cannot_apply(make_register, safeguard):
    entry = {
        "id": "s",
        "class": "c",
        "detector": "regex",
        "pattern": "x",
        "explanation": "e",
    } | safeguard

    with pytest.raises(RegisterRefused):
        make_register(application(), safeguards=[entry])


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": None},
        {"excluded": "no"},
        {"kinds": None},
        {"kinds": ["screen_content"]},
        {"kinds": ["window_pixels"]},
        {"kinds": ["mouse_click", "password_keystrokes"]},
        {"match": {"domains": ["Example.com"]}},
        {"match": {"domains": ["*.example.com"]}},
        {"match": {"domains": [""]}},
        {"match": {"linux_executables": None}},
    ],
)
def test_refuses_a_register_with_one_bad_row(make_register, changes):
    with pytest.raises(RegisterRefused):
        make_register(application(**changes))


def test_refuses_a_register_in_which_two_rows_claim_one_identifier(make_register):
    with pytest.raises(RegisterRefused, match="two rows"):
        make_register(application(), application(slug="other"))


@given(st.binary(max_size=200))
def test_random_bytes_are_no_register(data):
    with pytest.raises(RegisterRefused):
        Register.from_document(data)
