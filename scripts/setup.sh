#!/bin/sh
# Makes the virtual environment from nothing but a Python >= 3.9 with venv, or uv, on the path.
#
# usage: scripts/setup.sh VENV
#   VENV    the folder of the environment to make or to bring up to date
#   PYTHON  (environment, optional) the Python >= 3.11 to build it on
#
# uv is taken from the path, else from .tools/, where pip puts the version of requirements/bootstrap.txt.
# Every package comes from a lock file that holds its hash; nothing outside this folder is changed.
set -eu

venv=$1
cd "$(dirname "$0")/.."

say() { printf '%s\n' "setup: $*" >&2; }
die() { say "$*"; exit 1; }

# runs_as PYTHON TEST: whether PYTHON really runs (version managers leave shims that do not) and TEST holds.
runs_as() { "$1" -c "import sys; sys.exit(not ($2))" >/dev/null 2>&1; }

first_python() { # first_python TEST NAME...: prints the first NAME that runs and passes TEST
    test=$1
    shift
    for name in "$@"; do
        if runs_as "$name" "$test"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

uv_ready() { "$1" --version >/dev/null 2>&1; }

bootstrap_uv() {
    python=$(first_python 'sys.version_info >= (3, 9)' \
        python3 python3.13 python3.12 python3.11 python3.14 python3.10 python3.9 python) ||
        die "neither uv nor a Python >= 3.9 is on the path; install one of them and run make again"
    say "uv is not on the path: installing it into .tools/ (about 25 MB)"
    rm -rf .tools
    "$python" -m venv .tools ||
        die "$python cannot make virtual environments; install its venv module (Debian: python3-venv), or uv"
    .tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        -r requirements/bootstrap.txt || die "pip could not install uv; see its message above"
}

find_uv() {
    if uv_ready uv; then
        uv=uv
        return
    fi
    # The folder may have been moved or copied: a tool that no longer runs is made again.
    cmp -s requirements/bootstrap.txt .tools/bootstrap.txt && uv_ready .tools/bin/uv || {
        bootstrap_uv
        cp requirements/bootstrap.txt .tools/bootstrap.txt
    }
    uv=.tools/bin/uv
}

# A tenth of a second of what a worker does all day: small objects made and dropped.
SPEED_TEST='
import time
def work():
    kept = {}
    for i in range(40000):
        kept[i % 1000] = (i, str(i), [i])
def took():
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
print(int(min(took() for _ in range(7)) * 1000000))
'

quickest_python() { # quickest_python TEST NAME...: the fastest of all on the path that run and pass TEST
    test=$1
    shift
    best= best_us=
    old_ifs=$IFS
    IFS=:
    for folder in $PATH; do
        for name in "$@"; do
            if [ -x "$folder/$name" ] && runs_as "$folder/$name" "$test"; then
                us=$("$folder/$name" -c "$SPEED_TEST")
                if [ -z "$best" ] || [ "$us" -lt "$best_us" ]; then
                    best=$folder/$name best_us=$us
                fi
            fi
        done
    done
    IFS=$old_ifs
    [ -n "$best" ] && printf '%s\n' "$best"
}

make_venv() {
    if [ -n "${PYTHON:-}" ]; then
        python=$PYTHON
    else
        # The same version differs by a third between ways to build it. Where none fits, uv brings one if it may.
        python=$(quickest_python '(3, 11) <= sys.version_info < (3, 15)' \
            python3.13 python3.12 python3.11 python3.14 python3) || python='3.13'
    fi
    say "environment $venv on $python"
    "$uv" venv --quiet --clear --python "$python" "$venv" ||
        die "no Python >= 3.11 to be had; install one, or name it: make PYTHON=/path/to/python3.12"
}

find_uv
if [ -n "${PYTHON:-}" ] || ! runs_as "$venv/bin/python" 'sys.version_info >= (3, 11)'; then
    make_venv
fi
say "packages of requirements/lock-dev.txt (about 130 MB when nothing is cached)"
VIRTUAL_ENV=$(cd "$venv" && pwd)
export VIRTUAL_ENV
"$uv" pip sync --require-hashes requirements/lock-dev.txt
"$uv" pip install --quiet --no-deps --no-build-isolation --editable .
