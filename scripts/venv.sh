#!/usr/bin/env bash
# Make the virtual environment from the lock file: with uv where it is installed, with venv and pip otherwise.
set -euo pipefail
venv=${1:?usage: venv.sh DIRECTORY}
root=$(cd "$(dirname "$0")/.." && pwd)

python=
for name in python3.13 python3.12 python3.11 python3 python; do # a name on the PATH may be a shim of nothing
	if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		python=$(command -v "$name")
		break
	fi
done
if [ -z "$python" ]; then
	echo "error: no Python 3.11 or newer on the PATH; fix: install one (Debian: apt-get install python3-venv)" >&2
	exit 3
fi

if command -v uv >/dev/null 2>&1; then
	uv venv --quiet --allow-existing --python "$python" "$venv"
	export VIRTUAL_ENV=$venv
	uv pip install --quiet -r "$root/requirements.lock"
	uv pip install --quiet --no-deps --editable "$root"
else
	[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$root/requirements.lock"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --editable "$root"
fi
