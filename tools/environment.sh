# Make or update the environment .venv from requirements.txt. Called by the Makefile, from the folder of the book.
#
# .venv/complete is written last and says for which folder, requirements and package the environment was made: without
# it, or with another content, pip brings the environment up to date. .venv/unfinished stands there while pip works: an
# installation that was interrupted is not mended but begun again.

set -u

fail() {
    echo "minigrad: $*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

# The environment runs, and with the version of the Python that was asked for, if one was.
usable() {
    new_enough .venv/bin/python &&
        { [ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ]; }
}

# Print the Python that makes the environment: the one asked for, or the first that is new enough.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON is not a command here: name a Python 3.11 or newer."
        new_enough "$PYTHON" || fail "$PYTHON is Python $(version "$PYTHON"): name one that is 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    found=$(version python3)
    [ -n "$found" ] && found="Python $found is too old" || found="Python is missing"
    fail "$found: install Python 3.11 or newer (python.org), or name one, as in PYTHON=python3.12 make book."
}

make_environment() {
    python=$(find_python) || exit 1
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make environments (on Debian or Ubuntu: apt install python$(version "$python")-venv)."
    echo "Making the environment .venv with Python $(version "$python") ..."
    "$python" -m venv --clear .venv || fail "$python -m venv failed, see above."
}

# Let pip install, and count aloud what it collects: its own output is several hundred lines long.
install() {
    echo "Installing what requirements.txt lists (some minutes the first time) ..."
    { .venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt; echo $? >.venv/unfinished; } |
        while read -r line; do
            case $line in
                Collecting*) count=$((${count:-0} + 1)); printf '\r  %d packages collected' "$count" ;;
                "Installing collected"*) printf '\n  writing them into .venv (a minute or two) ...\n' ;;
            esac
        done
    [ "$(cat .venv/unfinished)" = 0 ] || fail "pip failed, see above: mend the cause and run the command again."
}

wanted=$(pwd; cat requirements.txt pyproject.toml)
if usable && [ -f .venv/complete ] && [ "$(cat .venv/complete)" = "$wanted" ]; then
    exit 0
fi

if [ -f .venv/unfinished ] || ! usable || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    make_environment
fi
rm -f .venv/complete
: >.venv/unfinished
install
printf '%s\n' "$wanted" >.venv/complete
rm .venv/unfinished
echo "The environment is complete."
