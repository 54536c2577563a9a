#!/usr/bin/env bash
# The action's steps: `install` makes a virtual environment of exactly the locked packages, the rest are the jobs.
# No sudo, no cache, nothing outside of the runner's temporary directory.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${RUNNER_TEMP:?this is a step of an action}/loopwright/venv
if [ "${1:?usage: action.sh install|gate|run|publish|all}" = install ]; then
	if [ -x "$venv/bin/loopwright" ]; then exit 0; fi
	if command -v uv >/dev/null 2>&1; then
		uv venv --quiet --python '>=3.11' "$venv"
		export VIRTUAL_ENV=$venv
		uv pip install --quiet --require-hashes -r "$root/actions/requirements.lock"
		uv pip install --quiet --no-deps --no-build-isolation "$root"
	else
		python3 -m venv "$venv"
		"$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$root/actions/requirements.lock"
		"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$root"
	fi
	exit 0
fi
export LOOPWRIGHT_HOME=${LOOPWRIGHT_HOME:-$RUNNER_TEMP/loopwright/home}
exec "$venv/bin/loopwright" ci "$1"
