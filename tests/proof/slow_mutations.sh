#!/usr/bin/env bash
# The test of the proof: protocol errors planted one by one into the emitted firmware of the small model, each of which the
# named rig must find; and the firmware as it is, in which none may find anything. A planted error whose place is no longer
# there is a failure: the list below has to follow the sources. Figures go to docs/guarantees.md by hand.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }

# As little memory as will do, so that tensors share it, and a capacitor that makes several spans.
sed 's/"bytes": {"value": 524288/"bytes": {"value": 1152/; s/"sram_bytes": {"value": [0-9]*/"sram_bytes": {"value": 1400/' \
    "$WICK_SOURCE/profiles/m4-mram.json" >short.json
"$WICK" plan "$here/data/small_int8.onnx" --device ./short.json --capacitor 2.0 -o plan.json >/dev/null
"$WICK" emit plan.json -o fw >/dev/null
head -c 36 "$here/data/small_int8.onnx" >input.bin
board=$WICK_SOURCE/boards/host
flags=(-std=c99 -O1 -w -I"$board")
mkdir host && for f in "$board"/{powercut*,nvm_emulation}.c; do [ "${f##*_}" = flash.c ] || cc "${flags[@]}" -Ifw -Ifw/include -c "$f" -o "host/$(basename "$f" .c).o"; done
mkdir own && for f in fw/*.c fw/wick/*.c; do cc "${flags[@]}" -Ifw -Ifw/include -c "$f" -o "own/$(basename "$f" .c).o"; done

# run OPTIONS...: both modules, eager and lazy; `found` becomes the rigs that saw a difference, `cuts` the number of experiments.
run() {
    found='' cuts=0
    local module voltage status rig
    for module in 1 2; do for voltage in unknown random; do
        status=0
        ./rig input.bin $module --mapped --write-unit 16 --exhaustive --seeded 200 --pairs 2000 --voltage $voltage "$@" \
            >out.json 2>err.txt || status=$?
        if [ $status = 4 ]; then
            grep -q 'uninterrupted run' err.txt || { cat err.txt; fail "the rig broke"; }
            found+=" uninterrupted"
            continue
        fi
        [ $status -le 1 ] || fail "the rig ended with status $status"
        for rig in exhaustive barriers pairs seeded record_flips next_input; do
            grep -qE "\"$rig\": \{\"cuts\": [0-9]+, \"differences\": 0," out.json || found+=" $rig"
        done
        grep -q '"worst_commits": [01],' out.json || found+=" one-span"
        grep -q '"foreign_resumed": 0' out.json || found+=" foreign"
        grep -q '"damage_missed": 0' out.json || found+=" damage"
        cuts=$((cuts + $(grep -oE '"cuts": [0-9]+' out.json | awk '{n += $2} END {print n}')))
    done; done
}

link() { cc -O1 -o rig host/*.o "$1"/*.o; }
link own
run
[ -z "$found" ] || fail "the firmware as it is: $found"
echo "as emitted: nothing found in $cuts experiments"
run --write-unit 4 --ecc 16
[ -z "$found" ] || fail "the firmware as it is, on memory with ECC words: $found"

for stuck in high low; do # a voltage sensor that is stuck: the later option counts
    run --voltage $stuck
    [ -z "$found" ] || fail "the firmware as it is, voltage stuck $stuck: $found"
done

planted=0
# mutant RIG NAME FILE SED-EXPRESSION [rig's options]: FILE as one text, extended regular expressions.
mutant() {
    local rig=$1 name=$2 file=$3 expression=$4 source
    shift 4
    source=fw/wick/$file
    [ -f "$source" ] || source=fw/$file
    [ -f "$source" ] || fail "$name: there is no $file"
    rm -rf mutated && cp -r own mutated
    sed -zE "$expression" "$source" >mutant.c
    ! cmp -s "$source" mutant.c || fail "$name: its place in $file has changed, nothing was planted"
    cc "${flags[@]}" -Ifw -Ifw/include -c mutant.c -o "mutated/$(basename "$file" .c).o" || fail "$name: does not compile"
    link mutated
    run "$@"
    grep -qw -- "$rig" <<<"$found" || fail "$name: not found by $rig (but by:${found:- none})"
    printf '%-42s %s\n' "$name" "$(tr ' ' '\n' <<<"$found" | sort -u | xargs)"
    planted=$((planted + 1))
}

mutant barriers 'no barrier before the record' nvm_record.c \
    's/if \(port->nvm_barrier\(port->ctx\) != 0 \|\|\n/if (/'
mutant exhaustive 'no barrier after the record' nvm_record.c \
    's/ \|\|\n        port->nvm_barrier\(port->ctx\) != 0\)/)/'
mutant exhaustive 'record before the data it speaks of' engine_span.c \
    's/    return port->nvm_write\(port->ctx, offset, dst, bytes\) == 0 \? WICK_RT_OK : WICK_RT_NVM;/    static wick_record early; early = engine->record; if (early.phase == WICK_PHASE_RUN \&\& early.segment) { early.span++; if (early.span < engine->model->segments[early.segment].n_spans) { wick_engine_commit(engine, \&early); engine->record.span--; } }\n&/'
mutant next_input 'record before the input it speaks of' engine_input.c \
    's/(    if \(engine->port->nvm_write\(engine->port->ctx, offset, input, bytes\) != 0\)\n        return [^;]*;\n)(.*)(    engine->stamp = stamp;)/\2\1\3/'
mutant exhaustive 'a layer works in place' model_data.c \
    's/\{([0-9]+), 144, 0,([^}]*\}, \/\* 2: TM1\.conv1[^\n]*\n *)\{[0-9]+, 144, 0,/{\1, 144, 0,\2{\1, 144, 0,/'
mutant pairs 'a mandatory commit is skipped' model_data.c \
    's/(\{[0-9]+, [0-9]+, [0-9]+), 1, /\1, 0, /g'
mutant exhaustive 'the decision is not committed' engine_step.c \
    's/(module > model->n_modules\)\n        return WICK_RT_ARGUMENT;\n    wick_rt_status status = )wick_engine_commit\(engine, &next\)/\1(engine->record = next, WICK_RT_OK)/'
mutant exhaustive 'the policy is asked again after a boot' engine_state.c \
    's/    if \(!plausible\(engine->model, &record\)\)\n        return WICK_RT_CORRUPT;\n    engine->record = record;/    if (record.segment \&\& record.phase == WICK_PHASE_RUN)\n        record.phase = WICK_PHASE_DECIDE;\n&/'
mutant next_input 'features of an old input meet a new one' engine_input.c \
    's/model->segments\[0\]\.n_spans \? WICK_PHASE_RUN/model->segments[0].n_spans \&\& next.epoch == 1 ? WICK_PHASE_RUN/'
mutant next_input 'the input has one place' engine_state.c 's/\(epoch & 1u\) \* place->stride/0u * place->stride/'
mutant next_input 'the number of an input is used again' engine_input.c \
    's/    next\.epoch\+\+;/    next.epoch = 1;/'
mutant next_input 'two inputs share an ECC word' model_data.c \
    's/\{([0-9]+), 36, 64,/{\1, 36, 52,/; s/\.stamp_offset = 48/.stamp_offset = 36/' --write-unit 4 --ecc 16
mutant exhaustive 'the record copies share an ECC word' model_data.c \
    's/\.record_offset = \{0, 48\}/.record_offset = {MODEL_NVM_BYTES + 4, MODEL_NVM_BYTES + 44}/; s/= MODEL_NVM_BYTES,/= MODEL_NVM_BYTES + 96,/' --write-unit 4 --ecc 16
mutant exhaustive 'sent is committed before it is sent' engine_step.c \
    's/    if \(port->result\(port->ctx, &result\) != 0\)/    if (0)/; s/return status == WICK_RT_OK \? WICK_RT_RESULT : status;/return port->result(port->ctx, \&result) != 0 ? WICK_RT_PORT : WICK_RT_RESULT;/'
mutant exhaustive 'a copy that cannot be read stops the boot' nvm_record.c \
    's/    if \(!own && !foreign\)/    if (a == COPY_UNREADABLE || b == COPY_UNREADABLE)\n        return WICK_RT_NVM;\n&/' --write-unit 4 --ecc 16
mutant record_flips 'the CRC is ignored' nvm_record.c \
    's/wick_get32\(bytes \+ CRC_AT\) == wick_crc32\(0, bytes, CRC_AT\)/1/'
mutant exhaustive 'the sequence number stands still' nvm_record.c 's/    next\.sequence\+\+;\n//'
mutant exhaustive 'the newest copy is overwritten' nvm_record.c 's/other = \(uint8_t\)\(\*copy \^ 1u\)/other = *copy/'
mutant exhaustive 'the older copy is resumed' nvm_record.c 's/return ahead != 0 && ahead </return ahead == 0 || ahead >=/'
mutant damage 'an older copy is never checked' nvm_record.c 's/other, a == COPY_INTACT,/other, 1,/; s/    if \(older && magic/    parse(bytes, out);\n&/'
mutant foreign 'a format that does half its work' engine_state.c 's/i < 2; i\+\+/i < 1; i++/'
mutant foreign 'the model of a record is not compared' nvm_record.c \
    's/int same_model = [^;]*;/int same_model = 1;/'
mutant seeded 'a divided span forgets how far it came' engine_span.c 's/    do \{\n        wick_step step/    at->step = 0;\n&/'

[ $planted -ge 12 ] || fail "only $planted errors were planted"
echo "$planted planted errors, all found by the rig that is named for them"
