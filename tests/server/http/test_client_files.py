from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from tests.server.http.site import Site, site


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Site]:
    async with site(tmp_path) as there:
        yield there


@pytest.fixture
def built(tmp_path: Path) -> Path:
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>Client</title>")
    (dist / "icon.svg").write_text("<svg/>")
    (dist / "secret.key").write_text("no")
    (dist / "assets" / "main-1a2b.js").write_text("let a")
    (dist / "assets" / "main-1a2b.css").write_text("a{}")
    return dist


@pytest.mark.parametrize("path", ["/", "/join", "/goodbye"])
async def test_each_address_of_the_client_gets_its_page_fresh(there: Site, built: Path, path: str) -> None:
    async with there.client.get(there.url + path) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Client" in await answer.text()


async def test_page_says_in_plain_words_that_the_client_is_not_built(there: Site) -> None:
    async with there.client.get(there.url + "/") as answer:
        assert answer.status == 503
        assert "have not been built" in await answer.text()


async def test_assets_are_kept_forever(there: Site, built: Path) -> None:
    for name, kind in (("main-1a2b.js", "text/javascript"), ("main-1a2b.css", "text/css")):
        async with there.client.get(f"{there.url}/assets/{name}") as answer:
            assert answer.status == 200
            assert answer.content_type == kind
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_large_file_arrives_whole(there: Site, built: Path) -> None:
    content = bytes(range(256)) * 8_192
    (built / "assets" / "model-3c4d.wasm").write_bytes(content)
    async with there.client.get(f"{there.url}/assets/model-3c4d.wasm") as answer:
        assert answer.content_type == "application/wasm"
        assert await answer.read() == content
    async with there.client.get(f"{there.url}/healthz") as answer:
        assert answer.status == 200


async def test_icon_is_served_and_revalidated(there: Site, built: Path) -> None:
    async with there.client.get(f"{there.url}/icon.svg") as answer:
        assert (answer.status, answer.content_type) == (200, "image/svg+xml")
        tag = answer.headers["Etag"]
    async with there.client.get(f"{there.url}/icon.svg", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/secret.key", "/assets/nothing.js", "/assets/", "/assets/../secret.key",
        "/assets/%2e%2e/secret.key", "/assets/..%2fsecret.key", "/assets/%2fetc/passwd", "/assets/a%00b", "/.env",
    ],
)  # fmt: skip
async def test_nothing_else_is_served(there: Site, built: Path, path: str) -> None:
    async with there.client.get(URL(there.url + path, encoded=True)) as answer:
        assert answer.status == 404
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", "Esta página no está aquí"),
        ("en-US,en", "This page is not here"),
        ("fr;q=0.9, es;q=0.5, en;q=0.4", "Esta página no está aquí"),
        ("es;q=0", "This page is not here"),
        ("es;q=nonsense, *", "This page is not here"),
        ("", "This page is not here"),
    ],
)
async def test_a_browser_that_asks_for_what_is_not_here_gets_a_page_in_its_language(
    there: Site, language: str, title: str
) -> None:
    headers = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": language}
    async with there.client.get(f"{there.url}/nonsense", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert f"<h1>{title}</h1>" in page
    assert 'href="/"' in page
    [style] = re.findall(r"<style>(.*)</style>", page, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


async def test_the_api_answers_a_browser_in_json_all_the_same(there: Site) -> None:
    async with there.client.get(f"{there.url}/api/v1/nonsense", headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.content_type) == (404, "application/json")


async def test_link_out_of_the_folder_is_not_followed(there: Site, built: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.js").write_text("secret")
    (built / "assets" / "link.js").symlink_to(tmp_path / "outside.js")
    async with there.client.get(f"{there.url}/assets/link.js") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    "path", ["/", "/assets/main-1a2b.js", "/assets/nothing.js", "/api/v1/me", "/healthz", "/nothing"]
)
async def test_every_answer_carries_the_security_headers(there: Site, built: Path, path: str) -> None:
    async with there.client.get(there.url + path) as answer:
        parts = [part.split(maxsplit=1) for part in answer.headers["Content-Security-Policy"].split(";")]
        policy = {part[0]: part[1] for part in parts}
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Permissions-Policy"] == "camera=(self), microphone=(self), display-capture=(self)"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "aiohttp" not in answer.headers["Server"]
