"""The built client: one page for its few addresses, and files whose names change with their content."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aiohttp import web

from server.http.deps import DEPS

PAGES: Final = ("/", "/join", "/goodbye")

# Said here, so that it does not depend on what the machine's own table says.
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
TOP_LEVEL: Final = frozenset({".svg", ".ico", ".png", ".webmanifest", ".txt", ".js"})

NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdspace</title>
<h1>The pages are not built yet</h1>
<p>The server runs, but the pages that people use have not been built.</p>
<p>Run <code>make run</code> in the project's folder, or build them in <code>web_client</code>.
Then load this again.</p>
</html>
"""


def add_routes(app: web.Application) -> None:
    """Adds pages and files."""
    for path in PAGES:
        app.router.add_get(path, page)
    app.router.add_get("/assets/{name:.+}", asset)
    app.router.add_get(r"/{name:[A-Za-z0-9_-][A-Za-z0-9._-]*}", top_level)


async def page(request: web.Request) -> web.StreamResponse:
    """The client's one HTML page, asked for again each time, so that a new version is noticed."""
    index = request.app[DEPS].client_dir / "index.html"
    if not index.is_file():
        return web.Response(status=503, text=NOT_BUILT, content_type="text/html")
    return web.FileResponse(index, headers={"Cache-Control": "no-cache", "Content-Type": TYPES[".html"]})


async def asset(request: web.Request) -> web.StreamResponse:
    """A file below assets/: its name holds a hash of its content, so it never changes."""
    folder = request.app[DEPS].client_dir / "assets"
    return _file(folder, request.match_info["name"], "public, max-age=31536000, immutable")


async def top_level(request: web.Request) -> web.StreamResponse:
    """An icon or manifest beside index.html."""
    name = request.match_info["name"]
    if Path(name).suffix not in TOP_LEVEL:
        raise web.HTTPNotFound
    return _file(request.app[DEPS].client_dir, name, "no-cache")


def _file(folder: Path, name: str, cache: str) -> web.StreamResponse:
    if "\0" in name:
        raise web.HTTPNotFound
    try:
        path = (folder / name).resolve()
        found = path.is_relative_to(folder.resolve()) and path.is_file()
    except OSError:  # a name that no file can have
        raise web.HTTPNotFound from None
    if not found:
        raise web.HTTPNotFound
    kind = TYPES.get(path.suffix, "application/octet-stream")
    return web.FileResponse(path, headers={"Cache-Control": cache, "Content-Type": kind})
