"""Shell scripts that run a folder of ORCA inputs: a SLURM array and a plain shell loop."""

from __future__ import annotations

_MOST_TASKS = 1000
"""Array tasks of one SLURM job; many sites allow 1001. With more inputs than that a task runs several."""

# Parallel ORCA must be called by its full path, and never through mpirun or srun. It works in a scratch folder, since
# it writes large temporary files; what is worth keeping comes back also when the job fails.
_RUN_ONE = r"""
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
"""


def both(jobs: int, *, cores: int, memory_mb: int, hours: int) -> dict[str, str]:
    """File name -> text of the scripts for ``jobs`` inputs listed in ``jobs.txt``.

    Args:
        cores: per job. memory_mb: ``%maxcore``, per core. hours: time limit of one ORCA job.
    """
    return {"slurm_array.sh": _slurm(jobs, cores, memory_mb, hours), "run_all.sh": _plain()}


def _slurm(jobs: int, cores: int, memory_mb: int, hours: int) -> str:
    tasks = max(1, min(jobs, _MOST_TASKS))
    per_task = max(1, -(-jobs // tasks))
    tasks = max(1, -(-jobs // per_task))
    return f"""#!/bin/bash
# Submit in this folder: sbatch slurm_array.sh (add --partition, --account as your site wants them).
# Inputs that are done are skipped, so submitting again continues. ORCA=/full/path/to/orca if it is not on PATH.
#SBATCH --job-name=orca
#SBATCH --array=1-{tasks}
#SBATCH --nodes=1
#SBATCH --ntasks={cores}
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu={-(-memory_mb * 4 // 3)}M
#SBATCH --time={hours * per_task}:00:00
#SBATCH --output=slurm-%A_%a.log

cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}" || exit 1
export OMP_NUM_THREADS=1
{_RUN_ONE}
per_task={per_task}
first=$(( (${{SLURM_ARRAY_TASK_ID:?submit this with sbatch}} - 1) * per_task + 1 ))
last=$(( first + per_task - 1 ))
failed=0
for name in $(sed -n "${{first}},${{last}}p" jobs.txt); do
    run_one "$name" || failed=1
done
exit $failed
"""


def _plain() -> str:
    return f"""#!/bin/bash
# Runs all inputs of this folder one after another: ./run_all.sh, or four at a time: JOBS=4 ./run_all.sh
# Inputs that are done are skipped, so running it again continues. ORCA=/full/path/to/orca if it is not on PATH.

cd "$(dirname "$0")" || exit 1
export OMP_NUM_THREADS=1
{_RUN_ONE}
export orca
export -f finished run_one
xargs -P "${{JOBS:-1}}" -I NAME bash -c 'run_one NAME < /dev/null' < jobs.txt || exit 1
"""
