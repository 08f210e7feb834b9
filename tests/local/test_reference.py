"""The page at /docs: its parts, and what it does in a browser (Chromium, with Debian's chromedriver)."""

import http.client
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as seen
from selenium.webdriver.support.ui import Select, WebDriverWait

from local import demo, npm, reference, start, template
from local import store as local_store
from local.payload import Request
from local.template import ROOT, Template
from tests import support

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever the page asked for elsewhere would fail, not go out.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
SECONDS = 120
DARK = "rgba(28, 32, 34, 1)"


def ask(path: str, method: str = "GET") -> Any:
    request = Request(method, path, [], b"", "HTTP/1.1", "127.0.0.1")
    return reference.answer(request, template.read().root)


def test_the_root_leads_to_the_page() -> None:
    answered = ask("/")
    assert ask("/?page=1") is None
    assert (answered.status, answered.headers) == (302, [("location", "/docs")])
    assert ask("/", "POST") is None
    assert ask("/api/teaching/coachings") is None
    assert ask("/docsother") is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs", "text/html"),
        ("/docs/", "text/html"),
        ("/docs/page.js", "text/javascript"),
        ("/docs/page.css", "text/css"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/favicon-32x32.png", "image/png"),
        ("/docs/openapi.yaml", "application/yaml"),
    ],
)
def test_its_parts_are_served_for_this_server_alone(path: str, kind: str) -> None:
    answered = ask(path)
    headers = dict(answered.headers)
    assert (answered.status, headers["content-type"]) == (200, kind)
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert answered.body


@pytest.mark.parametrize("path", ["/docs/index.html", "/docs/package.json", "/docs/../Makefile", "/docs/x"])
def test_nothing_else_is_served(path: str) -> None:
    assert ask(path).status == 404


def test_a_project_without_a_document_has_none(tmp_path: Path) -> None:
    request = Request("GET", "/docs/openapi.yaml", [], b"", "HTTP/1.1", "127.0.0.1")
    answered = reference.answer(request, tmp_path)
    assert answered
    assert answered.status == 404


def test_what_cannot_be_fetched_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(npm, "TOOLS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'npm error network' >&2; exit 1\n")
    (tmp_path / "npm").chmod(0o755)
    answered = ask("/docs")
    assert answered.status == 503
    assert b"swagger-ui-dist" in answered.body
    assert b"npm error network" in answered.body


@pytest.fixture(scope="module")
def url(facts: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole system with the spec's examples."""
    folder = tmp_path_factory.mktemp("reference")
    records = [
        *(("user", user) for user in demo.SPEC_USERS),
        ("item", support.item()),
        ("session", support.session()),
        ("submission", support.submission()),
    ]
    lines = [json.dumps({"type": f"{kind}.saved", "data": data}) for kind, data in records]
    with local_store.dynamodb() as endpoint:
        local_store.create_tables(endpoint, facts)
        with start.serve(facts, endpoint, folder, checkpoints=False) as system:
            assert system.intake.accept(lines)["rejected"] == []
            system.drain()
            yield system.url


def asked_for_people(url: str, host: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"host": host, "content-type": "application/x-ndjson"}
    connection.request("POST", "/_local/people", headers=headers)
    answered = connection.getresponse()
    content = json.loads(answered.read())
    connection.close()
    return answered.status, content


def test_tokens_are_for_those_who_ask_by_a_name_of_this_machine(url: str) -> None:
    status, people = asked_for_people(url, "localhost:3000")
    assert status == 200
    assert [person["role"] for person in people] == ["admin", "asesor", "participant"]
    assert asked_for_people(url, "other.example")[0] == 421


class Page:
    """The page as somebody sees and uses it."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.wait = WebDriverWait(driver, SECONDS)
        for kind in ("browser", "performance"):
            self.log(kind)
        driver.get(url)
        self.wait.until(seen.element_to_be_clickable((By.ID, "person")))

    def become(self, role: str) -> None:
        person = Select(self.driver.find_element(By.ID, "person"))
        (name,) = [option.text for option in person.options if option.text.endswith(f", {role}")]
        person.select_by_visible_text(name)

    def opened(self, operation: str) -> WebElement:
        block = self.driver.find_element(By.CSS_SELECTOR, f"[id$='-{operation}'].opblock")
        self.click(block.find_element(By.CLASS_NAME, "opblock-summary-control"))
        return block

    def click(self, element: WebElement) -> None:
        """In the middle of the window, where the page's own bar covers nothing."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def send(self, block: WebElement) -> tuple[int, str, str, str]:
        """Sends the request as it is filled in: the answer's status, body and headers, and the curl line."""
        execute = self.wait.until(lambda _: block.find_element(By.CLASS_NAME, "execute"))
        self.click(execute)
        live = self.wait.until(lambda _: block.find_element(By.CLASS_NAME, "live-responses-table"))
        status = live.find_element(By.CSS_SELECTOR, "tbody .response-col_status").text
        bodies = live.find_elements(By.CSS_SELECTOR, ".highlight-code code")
        headers = "\n".join(line.text for line in live.find_elements(By.CLASS_NAME, "headerline"))
        curl = block.find_element(By.CLASS_NAME, "curl-command").text
        return int(status.split()[0]), bodies[0].text if bodies else "", headers, curl

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What has been logged since this was last asked."""
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries

    def requested(self) -> set[str]:
        """The addresses of all that the page has requested."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        return {each["request"]["url"] for each in sent if each["documentURL"].startswith("http")}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not CHROMIUM or not DRIVER:
        missing = "the reference was not tried in a browser: install chromium and chromedriver"
        # .ci/run has them in any case.
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(DRIVER))
    started.set_page_load_timeout(SECONDS)
    yield started
    started.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, url: str) -> Page:
    return Page(driver, f"{url}/")


def test_an_asesor_is_chosen_and_lists_and_grades(page: Page, url: str) -> None:
    page.become("admin")
    page.become("asesor")
    status, body, _, curl = page.send(page.opened("list_submissions"))
    assert status == 200
    assert support.SUBMISSION in body
    assert f"{url}/api/teaching/submissions?limit=25&page=1" in curl
    assert "Authorization: Bearer " in curl

    status, body, _, curl = page.send(page.opened("grade_submission"))
    assert status == 200
    assert '"message": "Grading successful"' in body
    assert '"score": 90' in body
    assert f"{url}/api/teaching/submissions/{support.SUBMISSION}/grade" in curl

    status, _, headers, _ = page.send(page.opened("start_coaching"))
    assert status == 302
    assert f"location: {demo.SPEC_SESSION['meeting_url']}" in headers


def test_a_request_is_answered_for_whom_it_is_sent_as(page: Page) -> None:
    page.become("participant")
    block = page.opened("get_statistics")
    assert page.send(block)[0] == 403
    Select(page.driver.find_element(By.ID, "person")).select_by_value("")
    page.click(block.find_element(By.CLASS_NAME, "btn-clear"))
    assert page.send(block)[0] == 401


def test_nothing_is_requested_of_another_host(page: Page, url: str) -> None:
    for block in page.driver.find_elements(By.CSS_SELECTOR, ".opblock-summary-control"):
        page.click(block)
    requested = page.requested()
    assert f"{url}/docs/swagger-ui-bundle.js" in requested
    hosts = {urlsplit(address).netloc for address in requested if not address.startswith("data:")}
    assert hosts == {urlsplit(url).netloc}
    assert page.log("browser") == []


def test_it_fits_a_telephone(page: Page) -> None:
    screen = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    page.send(page.opened("list_submissions"))
    assert page.driver.execute_script("return document.documentElement.scrollWidth") == 360
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_is_as_dark_as_the_system(page: Page, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    body = page.driver.find_element(By.TAG_NAME, "body")

    def is_so(_: object) -> bool:
        return (body.value_of_css_property("background-color") == DARK) == (scheme == "dark")

    page.wait.until(is_so)


def test_the_readme_shows_the_page() -> None:
    shown = ROOT / "docs" / "reference.png"
    assert f"]({shown.relative_to(ROOT)})" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert shown.stat().st_size < 200_000
