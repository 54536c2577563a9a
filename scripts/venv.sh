#!/usr/bin/env bash
# Make the virtual environment from the lock file: with uv where it is installed, with venv and pip otherwise.
set -euo pipefail
venv=${1:?usage: venv.sh DIRECTORY}
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v python3.12 || command -v python3.11 || command -v python3) || {
	echo "error: no python3 on the PATH; fix: install Python 3.11 or newer" >&2
	exit 3
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	echo "error: $python is older than 3.11; fix: install Python 3.11 or newer" >&2
	exit 3
}
if command -v uv >/dev/null 2>&1; then
	uv venv --quiet --allow-existing --python "$python" "$venv"
	VIRTUAL_ENV=$venv uv pip install --quiet -r "$root/requirements.lock"
	VIRTUAL_ENV=$venv uv pip install --quiet --no-deps --editable "$root"
else
	[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/requirements.lock"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --editable "$root"
fi
