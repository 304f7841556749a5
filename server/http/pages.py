"""A small page for a person whose browser asked for what is not here. It needs no script and no other file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from typing import Final

from aiohttp import web

_STYLE: Final = """
:root{color-scheme:light dark;--bg:#eeede8;--ink:#232826;--ink-2:#555a56;--accent:#2a5d52;--on:#fbfdfa;--focus:#15201d}
@media (prefers-color-scheme:dark){:root{--bg:#141816;--ink:#ecebe4;--ink-2:#b3b8b2;--accent:#9ecdbd;--on:#0f231d;\
--focus:#ecebe4}}
body{margin:0;background:var(--bg);color:var(--ink);font:1rem/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,\
Ubuntu,Cantarell,"Noto Sans","Liberation Sans",Arial,system-ui,sans-serif}
main{max-width:32rem;margin:0 auto;padding:18vh 1.5rem 3rem}
h1{font-size:1.75rem;line-height:1.22;font-weight:600;margin:0 0 .75rem}
p{font-size:1.125rem;color:var(--ink-2);margin:0 0 1.5rem}
a{display:inline-flex;align-items:center;min-height:2.75rem;color:var(--accent)}
a.main{min-height:3.5rem;padding:0 1.5rem;border-radius:1.125rem;background:var(--accent);color:var(--on);\
font-weight:600;text-decoration:none}
a:focus-visible{outline:3px solid var(--focus);outline-offset:3px}
"""

_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
<p><a class="main" href="/">{home}</a></p>
<p><a href="tel:988">{crisis}</a></p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class _Words:
    missing: str
    missing_more: str
    failed: str
    failed_more: str
    home: str
    crisis: str


_WORDS: Final = {
    "en": _Words(
        missing="This page is not here",
        missing_more="Part of the address may be missing. Opening your link again lets you in.",
        failed="That did not work",
        failed_more="Please try again in a moment, or open your link again.",
        home="Go to Holdspace",
        crisis="In a crisis? Call 988, day and night",
    ),
    "es": _Words(
        missing="Esta página no está aquí",
        missing_more="Puede que falte una parte de la dirección. Abra otra vez su enlace para entrar.",
        failed="Eso no funcionó",
        failed_more="Inténtelo otra vez en un momento, o abra de nuevo su enlace.",
        home="Ir a Holdspace",
        crisis="¿Está en crisis? Llame al 988, de día y de noche",
    ),
}


def wants_page(request: web.BaseRequest) -> bool:
    """Whether a person's browser asks, which reads HTML; programs mostly take anything."""
    return "text/html" in request.headers.get("Accept", "")


def error_page(request: web.BaseRequest, status: int) -> web.Response:
    """The page for an HTTP status, in the language that the browser prefers of those we have."""
    language = language_of(request.headers.get("Accept-Language", ""))
    words = _WORDS[language]
    missing = status in (404, 405)
    text = _PAGE.format(
        language=language,
        style=_STYLE,
        title=escape(words.missing if missing else words.failed),
        text=escape(words.missing_more if missing else words.failed_more),
        home=escape(words.home),
        crisis=escape(words.crisis),
    )
    answer = web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Vary"] = "Accept, Accept-Language"
    return answer


def language_of(preferred: str) -> str:
    """The best of our languages for an Accept-Language header (RFC 9110 section 12.5.4); English when none is named."""
    best, best_weight = "en", 0.0
    for part in preferred.split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.partition("-")[0].lower()
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if language in _WORDS and weight > best_weight:
            best, best_weight = language, weight
    return best
