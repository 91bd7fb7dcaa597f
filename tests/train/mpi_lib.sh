# Sourced by the tests of several processes: what they need, or an exit with 77 (skipped).
command -v mpirun > /dev/null || { echo "skipped: mpirun is not installed"; exit 77; }
[ -e "${WICK_BUILD:?}/wick_mpi.so" ] || { echo "skipped: built without MPI"; exit 77; }
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not installed"; exit 77; }
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
die() { echo "FAILED: $*" >&2; exit 1; }

# As root in a container, on few processors, and without the shared-memory copy that containers forbid.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpi=(mpirun --map-by :OVERSUBSCRIBE)
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1

losses() { sqlite3 "$1" "SELECT printf('%.9f', loss) FROM epochs ORDER BY stage, epoch"; }
# compare ONE.db OTHER.db STEPS: the largest difference between two curves of so many points.
compare() {
    paste <(losses "$1") <(losses "$2") | awk -v steps="$3" '
        NF != 2 { bad = 1 }
        { d = $1 - $2; d = d < 0 ? -d : d; most = d > most ? d : most }
        END { print bad || NR != steps ? "incomparable" : most + 0 }'
}
# below VALUE BOUND
below() { awk -v v="$1" -v b="$2" 'BEGIN { exit !(v ~ /^[0-9.e+-]+$/ && v + 0 < b) }'; }
