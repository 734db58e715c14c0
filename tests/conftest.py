"""What several test modules share."""

import pytest

from tools import notebooks


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
