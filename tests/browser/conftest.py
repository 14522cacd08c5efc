"""Drives a real Chromium against a real portal: granian, the serving role, the strict CSP.

Every page records console errors, violations of the content security policy, failed requests and
answers of 400 and more; the test fails at its end if there are any it did not announce.
"""

import base64
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from consent_app.devices.actions import enrol_device, issue_enrolment_code, sign_ceilings
from consent_app.devices.models import Device
from consent_app.people.queries import system_user
from consent_app.register.actions import load_register
from portal.lib.keys import create_keys
from portal.management.commands.prepare_database import grant_serving_role
from tests.beginnings import begin_with
from tests.browser.agents import agent, make_agent, newcomer  # noqa: F401
from tests.browser.live_portal import LivePortal, serving_role_url

SIGN_IN_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REPEATED = ("Failed to load resource", "htmx:sendAbort,", "htmx:afterRequest,")
NO_ANSWER = re.compile(
    r"net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED): "
    r"|console: htmx:(sendError|timeout)"
)
# How often the home page asks for news while none is likely.
ASKS_EVERY_MS = 5_000
expect.set_options(timeout=2 * ASKS_EVERY_MS)
# A clock that a test put into a context stays there.
HAS_ITS_CLOCK = "String(Date).includes('[native code]')"
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    # The heading of a device is the same under the h1 of My devices and the h2 of Home.
    "rules": {"heading-order": {"enabled": False}},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


# The portal


@pytest.fixture(scope="package")  # gone before other tests count what runs on this database
def portal_process(
    django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LivePortal]:
    """Start the portal once; `live_portal` gives it to a test with an empty database."""
    with django_db_blocker.unblock():
        grant_serving_role(urlsplit(os.environ["TEST_PORTAL_ROLE_URL"]).username or "portal")
        portal = LivePortal(tmp_path_factory.mktemp("portal"), database_url=serving_role_url())
        portal.start()
    yield portal
    portal.stop()


@pytest.fixture
def live_portal(transactional_db, portal_process: LivePortal) -> LivePortal:
    """Return the running portal; what the test writes is committed, and flushed afterwards."""
    if portal_process.process is None:  # the last test ended it
        portal_process.start()
    return portal_process


# The browser


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Start Chromium for the tests here.

    Playwright's synchronous interface leaves an event loop running in this thread until it stops.
    Django then refuses the ORM in tests, hence the variable; other tests, which may run loops of
    their own, must not meet it, hence the scope.
    """
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = _launch(playwright)
        yield browser
        browser.close()


def _launch(playwright: Playwright) -> Browser:
    installed = shutil.which("chromium")
    if installed is None and not Path(playwright.chromium.executable_path).exists():
        missing = "THE BROWSER TESTS DID NOT RUN: there is no Chromium. Install one: .ci/run does."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return playwright.chromium.launch(executable_path=installed, args=CHROMIUM_OPTIONS)


class Problems:
    """What went wrong in a page, but for the statuses that the test announced."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.expected: set[int] = set()

    def expect_no_answer(self) -> None:
        """Take back what was seen because the portal was away, and nothing else."""
        self.seen = [problem for problem in self.seen if not NO_ANSWER.match(problem)]

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.seen.append(f"script: {error}"))
        page.on("response", lambda answer: self._answer(answer.status, answer.url))
        page.on("requestfailed", lambda request: self._failure(request.failure, request.url))

    def _console(self, kind: str, text: str) -> None:
        # Chromium repeats each answer of 400 and more here; `_answer` has judged it already.
        # htmx reports a question that a click gave up, and the end of every request that failed.
        if kind == "error" and not text.startswith(REPEATED):
            self.seen.append(f"console: {text}")

    def _answer(self, status: int, url: str) -> None:
        if status >= httpx.codes.BAD_REQUEST and status not in self.expected:
            self.seen.append(f"{status}: {url}")

    def _failure(self, reason: str | None, url: str) -> None:
        if reason != "net::ERR_ABORTED":  # the page was left meanwhile
            self.seen.append(f"{reason}: {url}")


@pytest.fixture
def problems() -> Iterator[Problems]:
    """Fail the test if a page had problems; `problems.expected.add(404)` announces a status."""
    found = Problems()
    yield found
    assert found.seen == []


class Contexts:
    """Contexts of the browser, for one test after the other.

    A test has its own to itself, with new pages; what it left there is taken back before the next.
    Each has an empty page that stays open: without one Chromium begins every page with a cold
    process, in which axe-core takes several times as long.
    """

    def __init__(self, browser: Browser, origin: str) -> None:
        self._browser = browser
        self._origin = origin
        self._free: dict[str, list[BrowserContext]] = defaultdict(list)

    @contextmanager
    def borrowed(self, **options) -> Iterator[BrowserContext]:
        free = self._free[repr(sorted(options.items()))]
        context = free.pop() if free else self._new(**options)
        yield context
        if self._is_as_it_was(context):
            free.append(context)
        else:
            context.close()

    def _new(self, **options) -> BrowserContext:
        context = self._browser.new_context(base_url=self._origin, **options)
        context.set_default_timeout(10_000)
        context.new_page()
        return context

    def _is_as_it_was(self, context: BrowserContext) -> bool:
        """Take back what a test did there, and say whether that is possible."""
        empty, *pages = context.pages
        for page in pages:
            page.close()
        context.clear_cookies()
        devtools = context.new_cdp_session(empty)
        devtools.send("Storage.clearDataForOrigin", {"origin": self._origin, "storageTypes": "all"})
        devtools.detach()
        return empty.evaluate(HAS_ITS_CLOCK)


@pytest.fixture(scope="package")
def contexts(chromium: Browser, portal_process: LivePortal) -> Contexts:
    return Contexts(chromium, portal_process.url)


@pytest.fixture
def make_page(
    contexts: Contexts, live_portal: LivePortal, problems: Problems
) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a page with cookies of its own; addresses may start with /."""
    with ExitStack() as borrowed:

        def make(viewport: dict[str, int] = WIDE, **options) -> Page:
            options |= {"viewport": viewport, "locale": "en-GB", "reduced_motion": "reduce"}
            page = borrowed.enter_context(contexts.borrowed(**options)).new_page()
            problems.watch(page)
            return page

        yield make


@pytest.fixture
def page(make_page: Callable[..., Page]) -> Page:
    return make_page()


@pytest.fixture
def phone(make_page: Callable[..., Page]) -> Page:
    return make_page(PHONE, has_touch=True)


@pytest.fixture
def page_without_javascript(make_page: Callable[..., Page]) -> Page:
    return make_page(java_script_enabled=False)


# What tests do with a page


@pytest.fixture
def sign_in_browser() -> Callable[..., None]:
    """Return a function that gives a page the session of an employee, without the form."""

    def sign_in(page: Page, employee) -> None:
        client = Client()
        client.force_login(employee, backend=SIGN_IN_BACKEND)
        page.context.add_cookies(
            [
                {"name": name, "value": cookie.value, "domain": "127.0.0.1", "path": "/"}
                for name, cookie in client.cookies.items()
            ]
        )

    return sign_in


@pytest.fixture
def sign_in_by_form() -> Callable[..., None]:
    """Return a function that signs in as a person does, through the form."""

    def sign_in(page: Page, employee, password: str) -> None:
        page.goto("/account/login/")
        page.locator("input[name=login]").fill(employee.email)
        page.locator("input[name=password]").fill(password)
        page.locator("main form button").first.click()
        page.wait_for_url("/")

    return sign_in


@pytest.fixture
def assert_accessible() -> Callable[[Page], None]:
    """Return a function that runs axe-core: WCAG 2.2 AA and its best practices, no violation."""
    axe = Axe()

    def check(page: Page) -> None:
        results = axe.run(page, options=AXE_OPTIONS)
        assert results.violations_count == 0, results.generate_report()

    return check


@pytest.fixture
def assert_fits() -> Callable[[Page], None]:
    """Return a function that fails if anything makes the page scroll sideways."""

    def check(page: Page) -> None:
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{page.url} is {overflow} pixels too wide"

    return check


@pytest.fixture
def assert_well_made(
    assert_accessible: Callable[[Page], None], assert_fits: Callable[[Page], None]
) -> Callable[[Page], None]:
    """Return a function that looks at a page on a desk and on a phone, and leaves it as it was."""

    def check(page: Page) -> None:
        size = page.viewport_size
        assert_accessible(page)
        page.set_viewport_size(PHONE)
        assert_fits(page)
        assert_accessible(page)
        page.set_viewport_size(size)

    return check


# Somebody with something to see


@pytest.fixture
def published_register(live_portal: LivePortal, make_jurisdiction, settings) -> None:
    """Publish the whole register, and sign the ceiling of the place where people work."""
    settings.KEYS_DIR = live_portal.folder / "keys"
    if not settings.KEYS_DIR.exists():
        create_keys(settings.KEYS_DIR)
    make_jurisdiction()
    begin_with(
        "browser's register", lambda: load_register(by=system_user(), portal_host="127.0.0.1")
    )
    sign_ceilings(by=system_user())


@pytest.fixture
def mira(published_register, make_employee):
    """Return an employee whose LAPTOP-1 confirmed its policy and whose DESKTOP-7 is away."""
    employee = make_employee("Mira Okafor", time_zone="America/Los_Angeles")
    confirm(enrol(employee, "LAPTOP-1"))
    away = enrol(employee, "DESKTOP-7")
    Device.objects.filter(pk=away.pk).update(last_seen_at=timezone.now() - timedelta(minutes=9))
    return employee


def enrol(employee, hostname: str) -> Device:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).rstrip(b"=").decode()
    device, _token = enrol_device(
        code=issue_enrolment_code(employee=employee, by=employee),
        public_key={"kty": "OKP", "crv": "Ed25519", "x": x},
        hostname=hostname,
        platform="linux",
        agent_version="1.0.0",
    )
    return device


def confirm(device: Device) -> None:
    """Write down that a device applied its newest policy, as its signed word would be."""
    policy = device.policies.latest("version")
    now = timezone.now()
    Device.objects.filter(pk=device.pk).update(last_seen_at=now)
    policy.acknowledgements.create(
        device=device,
        sequence=policy.version,
        effect="collecting",
        applied_at=now,
        received_at=now,
        jws="not looked at",
    )
