#!/bin/bash
# Runs all inputs of this folder one after another: ./run_all.sh, or four at a time: JOBS=4 ./run_all.sh
# Inputs that are done are skipped, so running it again continues. ORCA=/full/path/to/orca if it is not on PATH.

cd "$(dirname "$0")" || exit 1
export OMP_NUM_THREADS=1

orca=${ORCA:-$(command -v orca || true)}
if [ ! -x "$orca" ]; then
    echo "ORCA was not found; put it on PATH or set ORCA to its full path" >&2
    exit 1
fi
orca=$(readlink -f "$orca")

finished() {
    [ -f "$1.out" ] && grep -q "ORCA TERMINATED NORMALLY" "$1.out"
}

run_one() {
    name=$1
    if finished "$name"; then
        echo "$name: done before"
        return 0
    fi
    scratch=$(mktemp -d "${SCRATCH_ROOT:-${TMPDIR:-/tmp}}/orca.XXXXXXXX") || return 1
    cp "$name.inp" "$scratch/" || return 1
    [ -f "$name.gbw" ] && cp "$name.gbw" "$scratch/"
    # a name of its own: a job that outlived the script that started it may still write
    part="$name.out.$$.part"
    (cd "$scratch" && "$orca" "$name.inp") > "$part" 2>&1
    status=$?
    mv "$part" "$name.out"
    for suffix in gbw xyz _trj.xyz engrad hess property.txt; do
        case $suffix in _*) file=$name$suffix ;; *) file=$name.$suffix ;; esac
        [ -f "$scratch/$file" ] && cp "$scratch/$file" .
    done
    rm -rf "$scratch"
    if finished "$name"; then
        echo "$name: finished"
        return 0
    fi
    echo "$name: FAILED (exit $status, see $name.out)" >&2
    return 1
}

export orca
export -f finished run_one
xargs -P "${JOBS:-1}" -I NAME bash -c 'run_one NAME < /dev/null' < jobs.txt || exit 1
