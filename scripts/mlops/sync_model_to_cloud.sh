#!/bin/sh
# Put the model of a run (the newest, or the one named) into the store, whole and checked: `ropeway sync`.
set -eu
exec "${ROPEWAY:-ropeway}" sync "$@"
