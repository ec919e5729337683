#!/bin/bash
# Give a command the environment of the workspace, then become it, so that signals reach it.
set -e
. /opt/cablecell/.venv-ros-jazzy/.cablecell/activate.sh
export PATH="/opt/cablecell/.venv-ros-jazzy/bin:$(dirname "$CELL_BIN"):$PATH"
exec "$@"
