#!/usr/bin/env bash
# The table of small networks of docs/results.md: scripts/results-shrink.sh WICK DATA OUT [NETWORK.onnx]. Trains FreeML's CIFAR10-S
# (unless a trained one is given), shrinks it by each means alone and by all together, and prints one line for each: bytes of
# everything the device keeps of the network, accuracies, energy and RAM on two devices. Goes on where it was cut.
# ROWS="name ..." makes only these rows; EPOCHS=N trains those of one means (bits4, sparse, blocks, n-m, tucker, spatial) for N epochs
# instead of 15; SHARES="50 10 1" are the shares of the training data, in per cent, of the rows share-*.
set -eu
wick=$1 data=$2 out=$3
mkdir -p "$out"
network=${4:-$out/network.onnx}
train() { "$wick" train --data "$data" --strategy unified -j1 --lr-schedule cosine --shift 4 --ema 0.999 --resume "$@"; }
[ -e "$network" ] || train --recipe cifar10s --epochs 50 --lr 0.05 -o "$network"
# What is trained on learns from the float network as well.
taught() { train --teacher "$network" --kd-response "$@"; }
epochs=${EPOCHS:-15}
edges=(--quantize 4 --quantize '*conv1*=8' --quantize '*fc*=8')
collapsed=$out/collapsed.onnx
[ -e "$collapsed" ] || "$wick" shrink "$network" --collapse --data "$data" -o "$collapsed" > /dev/null

make_row() { # name
    local to=$out/$1.onnx
    case $1 in
    int8) cp "$network" "$to" ;;
    collapse) cp "$collapsed" "$to" ;;
    bits4) taught --recipe "$collapsed" --quantize 4 --epochs "$epochs" --lr 0.02 -o "$to" ;;
    sparse) taught --recipe "$collapsed" --sparse '*conv[23]*=0.14' --epochs "$epochs" --lr 0.02 -o "$to" ;;
    blocks) taught --recipe "$collapsed" --sparse '*conv[23]*=0.14/4' --epochs "$epochs" --lr 0.02 -o "$to" ;;
    n-m) taught --recipe "$collapsed" --sparse '*conv[23]*=1:7' --epochs "$epochs" --lr 0.02 -o "$to" ;;
    tucker | spatial) # the fully connected layer that is large becomes two as well, which the collapse would make needless
        "$wick" shrink "$network" --separate="$1" -o "$out/$1-start.onnx" &&
            taught --recipe "$out/$1-start.onnx" --epochs "$epochs" --lr 0.02 -o "$to" ;;
    tucker-collapse | spatial-collapse) "$wick" shrink "$out/${1%-*}.onnx" --collapse --data "$data" -o "$to" ;;
    bits4-sparse) taught --recipe "$collapsed" --quantize 4 --sparse '*conv[23]*=0.14' --epochs 30 --lr 0.02 -o "$to" ;;
    best) taught --recipe "$collapsed" "${edges[@]}" --sparse '*conv[23]*=0.195' --mixup 0.4 --epochs 24 --lr 0.03 -o "$out/best-start.onnx" &&
        taught --recipe "$out/best-start.onnx" "${edges[@]}" --sparse '*conv[23]*=0.195' --mixup 0.4 --epochs 24 --lr 0.02 -o "$to" ;;
    forty) taught --recipe "$out/best.onnx" --quantize 4 --quantize '*conv1*=8' --sparse '*conv[23]*=0.1' --sparse-ramp 0.5 --mixup 0.4 --epochs 48 --lr 0.03 -o "$to" ;;
    half) "$wick" shrink "$collapsed" --channels 0.5 --data "$data" -o "$out/half-start.onnx" &&
        train --recipe "$out/half-start.onnx" --epochs 24 --lr 0.05 -o "$to" ;;
    half-all) taught --recipe "$out/half.onnx" --quantize 4 --sparse '*conv[23]*=0.165' --epochs 30 --lr 0.02 -o "$to" ;;
    share-*) # as many steps as 6 epochs of all images, whatever the share
        local share=${1#share-}
        taught --recipe "$collapsed" "${edges[@]}" --sparse '*conv[23]*=0.195' --mixup 0.4 --lr 0.03 --limit $((500 * share)) --epochs $((600 / share)) -o "$to" ;;
    esac
}

figure() { # JSON key: the first number behind it
    grep -o "\"$2\": *[0-9.]*" "$1" | head -n 1 | grep -o '[0-9.]*$'
}

sum_of() { # JSON key: of all layers
    grep -o "\"$2\": *[0-9]*" "$1" | grep -o '[0-9]*$' | awk '{ s += $1 } END { print s }'
}

measure() { # name
    local limit=()
    case $1 in share-*) limit=(--limit $((500 * ${1#share-}))) ;; esac
    "$wick" shrink "$out/$1.onnx" --int8 --data "$data" "${limit[@]}" -o "$out/$1-int8.onnx" > /dev/null
    "$wick" eval "$out/$1-int8.onnx" --data "$data" --split test --json > "$out/$1-test.part"
    local line
    line="$1 $(figure "$out/$1-test.part" right)"
    for device in m4-fram rv32-fram; do
        for goal in size energy; do
            "$wick" plan "$out/$1-int8.onnx" --device $device --optimise $goal --capacitor 1000 --explain --json > "$out/$1-$device-$goal.json"
        done
        line+=" $(sum_of "$out/$1-$device-size.json" constant_bytes) $(figure "$out/$1-$device-size.json" ram_bytes)"
        line+=" $(figure "$out/$1-$device-size.json" expected_uj) $(figure "$out/$1-$device-energy.json" expected_uj)"
    done
    echo "$line" > "$out/$1.row"
}

rows=${ROWS:-int8 collapse tucker tucker-collapse spatial spatial-collapse bits4 sparse blocks n-m bits4-sparse best forty half half-all}
for share in ${SHARES-100 50 10 1}; do rows+=" share-$share"; done
echo "name right-of-the-test-set; of m4-fram, then of rv32-fram: bytes of weights, biases, scales and indices; RAM; energy by size; energy by energy"
for row in $rows; do
    [ -e "$out/$row.onnx" ] || make_row "$row" > "$out/$row.txt"
    [ -e "$out/$row.row" ] || measure "$row"
    cat "$out/$row.row"
done
