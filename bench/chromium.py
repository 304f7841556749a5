"""Headless Chromium with a fake camera and microphone, and without any flag about WebRTC addresses."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright

CHROMIUM: Final = os.environ.get("CHROMIUM", "/usr/bin/chromium")
_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


@asynccontextmanager
async def chromium(*arguments: str, executable: str = CHROMIUM) -> AsyncGenerator[Browser]:
    """One browser; each person gets a context of their own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*_ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            await browser.close()
