"""What a statement says about the sections that run on the answer of its exercise."""

import pytest

from tools import notebooks, sync, unlocks

STATEMENT = "```{{exercise}} Subtraction\n:label: ex-forward-sub\n\n*easy · 5 minutes · fill in.*{} Subtract.\n```"
USE = "result = sub({1: 5.0}, {1: 2.0})"


@pytest.fixture
def chapter(tmp_path, make_notebook):
    """Write a chapter with one exercise; changes replace its cells, or add to them."""

    def write(said="", **changes):
        cells = {
            "title": {"source": "# A small chapter", "markdown": True},
            "statement": {"source": STATEMENT.format(said), "markdown": True},
            "check": {"source": 'sub = check("forward.sub", sub)', "tags": ["check"]},
            "section": {"source": "(for)=\n## What it is for", "markdown": True}, "use": {"source": USE}} | changes
        return notebooks.read(make_notebook(tmp_path / "01-small.ipynb", *filter(None, cells.values())))

    return write


@pytest.mark.parametrize("changes, said", [
    ({}, "“What it is for”"),
    ({"section": None}, "the code below"),
    ({"use": {"source": "def later():\n    return sub({}, {})"}}, "“What it is for”"),
    ({"own": {"source": "## More", "markdown": True}, "again": {"source": USE}}, "“What it is for” and “More”"),
])
@pytest.mark.parametrize("before", ["", " *Unlocks: once it passes, your answer runs in “What it was for”.*"])
def test_a_statement_says_which_sections_run_on_the_answer(chapter, before, changes, said):
    [(place, wanted)] = unlocks.stale_statements(chapter(before, **changes))
    sentence = f" *Unlocks: once it passes, your answer takes the place of the book's in {said}.*"
    assert (place, wanted) == (1, STATEMENT.format(sentence))
    assert not list(unlocks.stale_statements(chapter(sentence, **changes)))


@pytest.mark.parametrize("source", [
    "1 + 1", "def other(sub):\n    return sub", "sub = 3\nsub + 1", "%matplotlib inline", "[sub for sub in range(3)]"])
def test_a_name_that_means_something_else_unlocks_nothing(chapter, source):
    use = {"source": source}
    assert not list(unlocks.stale_statements(chapter(use=use)))
    [(_, wanted)] = unlocks.stale_statements(chapter(" *Unlocks: once it passes, your answer runs below.*", use=use))
    assert wanted == STATEMENT.format("")


def test_sync_writes_it_and_its_check_asks_for_it(tmp_path, chapter):
    chapter()
    for folder in ("minigrad", "book/checks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "01-small.ipynb").rename(tmp_path / "book/01-small.ipynb")
    complaint = "01-small.ipynb, cell 2 does not say what its exercise unlocks. Run `make sync`."
    assert sync.problems(sync.Book(tmp_path)) == [complaint]
    assert sync.copy(sync.Book(tmp_path)) == [tmp_path / "book/01-small.ipynb"]
    assert not sync.problems(sync.Book(tmp_path))
