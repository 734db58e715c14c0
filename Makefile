# The commands of the book. Each works on a fresh clone: what it needs, it makes.
# POSIX sh and GNU make 3.81 are enough, so that macOS needs nothing more than its own tools.

# Whatever the folder is called, a command names only paths relative to it: spaces in its path do no harm.
BIN := .venv/bin

# Which Python makes the environment; empty means the newest one that is found. Used as `PYTHON=python3.12 make book`.
PYTHON ?=
export PYTHON

# A folder with Pyodide, for a site that runs its live chapters without any other server; empty means its usual CDN.
PYODIDE ?=
export PYODIDE

# Where `make serve` serves the site.
PORT ?= 8000

# Which assignment `make assignment` writes and `make grade` grades, its chapters, and the folder of its course.
NAME ?=
CHAPTERS ?=
COURSE ?= course

# Where `make exercises` writes the reader's copies, and where `make progress` looks for them.
FOLDER ?= exercises

.PHONY: help environment book test serve lab exercises progress assignment asked-for-chapters grade asked-for-name \
	sync execute bench lint links clean

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

# Run every time, because only its contents say whether the environment is complete; when it is, this takes no time.
environment: ## make or update .venv from requirements.txt
	@sh tools/environment.sh

book: environment ## build the site into _build/html
	@$(BIN)/python -m tools.sync --check
	@$(BIN)/python -m tools.build

test: environment ## run everything that is tested: library, exercises, notebooks, site
	@$(BIN)/python -m pytest

serve: book ## serve the site at http://localhost:8000, where its chapters run in the browser
	@echo "Open http://localhost:$(PORT), and end with Ctrl+C."
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

# Outputs that are HTML or SVG are shown only in notebooks that the reader trusts: these come with the book.
lab: environment ## open the chapters in JupyterLab
	@$(BIN)/python -m nbformat.sign book/*.ipynb
	@$(BIN)/python -m jupyterlab book

exercises: environment ## write copies of the chapters to work in, without solutions, into exercises
	@$(BIN)/python -m tools.exercises "$(FOLDER)"

progress: environment ## run the copies, and show which exercises are not started, tried, passed
	@$(BIN)/python -m checks "$(FOLDER)"

assignment: asked-for-chapters environment ## write chapters to be handed in, marked for nbgrader, and the teacher's own version
	@$(BIN)/python -m tools.assignment "$(NAME)" $(CHAPTERS) --course "$(COURSE)"

asked-for-chapters:
	@[ -n "$(NAME)" ] && [ -n "$(CHAPTERS)" ] || { echo 'Name the assignment and its chapters:' \
		'make assignment NAME=week-3 CHAPTERS="forward-mode dual-numbers"' >&2; exit 2; }

grade: asked-for-name environment ## grade what was handed in for an assignment: NAME=week-3
	@$(BIN)/python -m tools.grade "$(NAME)" --course "$(COURSE)"

asked-for-name:
	@[ -n "$(NAME)" ] || { echo "Name the assignment: make grade NAME=week-3" >&2; exit 2; }

sync: environment ## copy the source of the package into the cells that show it
	@$(BIN)/python -m tools.sync

execute: environment ## run every notebook and store its outputs
	@$(BIN)/python -m tools.execute

# The peers have an environment of their own: what they ask for must not change the pinned one.
bench: environment ## compare minigrad with its peers, as ratios
	@[ -x .venv-bench/bin/python ] || $(BIN)/python -m venv .venv-bench
	@echo "Installing the peers that requirements-bench.txt lists ..."
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-bench.txt
	@.venv-bench/bin/python -m benchmarks

lint: environment ## look for mistakes of style and of spelling
	@$(BIN)/python -m ruff check .
	@$(BIN)/typos

# It asks other servers, so it is no part of the tests. The report is _build/linkcheck/output.txt
links: environment ## look whether the addresses that the book names still answer
	@$(BIN)/python -c "from jupyter_book.cli.main import main; main()" build . --quiet --builder linkcheck

clean: ## remove the site and the environments
	rm -rf _build .venv .venv-bench .venv-nbgrader
