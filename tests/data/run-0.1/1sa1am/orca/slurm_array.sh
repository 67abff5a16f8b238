#!/bin/bash
# Submit in this folder: sbatch slurm_array.sh (add --partition, --account as your site wants them).
# Inputs that are done are skipped, so submitting again continues. ORCA=/full/path/to/orca if it is not on PATH.
#SBATCH --job-name=orca
#SBATCH --array=1-1
#SBATCH --nodes=1
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=2667M
#SBATCH --time=72:00:00
#SBATCH --output=slurm-%A_%a.log

cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")}" || exit 1
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

per_task=1
first=$(( (${SLURM_ARRAY_TASK_ID:?submit this with sbatch} - 1) * per_task + 1 ))
last=$(( first + per_task - 1 ))
failed=0
for name in $(sed -n "${first},${last}p" jobs.txt); do
    run_one "$name" || failed=1
done
exit $failed
