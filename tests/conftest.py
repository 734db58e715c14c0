"""What several test modules share."""

import os
import shutil

import pytest

from tools import notebooks

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="module")
def browser():
    """Start the browser that is installed; skip where there is none, unless the environment forbids that."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = f"no browser is installed: none of {', '.join(BROWSERS)} is on the path"
        if os.environ.get("MINIGRAD_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, and MINIGRAD_REQUIRE_BROWSER=1 says that there must be one")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def make_notebook():
    """Write a small notebook: each cell a dictionary with its source, its metadata, and "markdown": True if it is."""

    def make(path, *cells):
        notebook = {"cells": [_cell(number, **cell) for number, cell in enumerate(cells, 1)],
                    "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        notebooks.write(path, notebook)
        return path

    return make


def _cell(number, source="", markdown=False, outputs=(), execution_count=0, **metadata):
    cell = {"cell_type": "markdown" if markdown else "code", "id": f"cell-{number}", "metadata": metadata,
            "source": source.splitlines(keepends=True)}
    if not markdown:
        cell |= {"execution_count": number if execution_count == 0 else execution_count, "outputs": list(outputs)}
    return cell
