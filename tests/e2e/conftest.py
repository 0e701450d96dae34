"""The browser in which pages are looked at, and the pictures of the documentation, which are taken there."""

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parents[2] / "docs"
COLOURS = 128
"""Of a picture: pages have few, and its file is a third of what it would be."""

CHROMIUM = "chromium"
MISSING = "no Chromium to look at pages with: as root on Debian `make debian`, or apt-get install chromium"

Keep = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window; where it is not installed, the tests that need it are skipped and say so."""
    found = shutil.which(CHROMIUM)
    if found is None:
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        # Root has no sandbox to be put into, and what is opened here is ours.
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def keep(request: pytest.FixtureRequest) -> Keep:
    """Keeps what a page shows as a picture of the documentation, where `make pictures` asks for them."""
    asked = request.config.getoption("--pictures")

    def kept(page: Page, name: str) -> None:
        if asked:
            with Image.open(io.BytesIO(page.screenshot())) as seen:
                few = seen.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
                few.save(DOCS / f"{name}.png", optimize=True)

    return kept
