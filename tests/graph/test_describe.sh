# wick describe: Table I from the command line, and complaints with the right exit status.
set -u
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
expect() { # status text-in-output command...
    local want=$1 text=$2
    shift 2
    "$@" >"$T/out" 2>"$T/err"
    local got=$?
    [ "$got" = "$want" ] || { cat "$T/err"; fail "$*: exit status $got, not $want"; }
    cat "$T/out" "$T/err" | grep -qF -- "$text" || { cat "$T/out" "$T/err"; fail "$*: no '$text'"; }
}
expect 0 '1,097,869,312' "$WICK" describe vgg16 --input 64x64
grep -qE '^TM1 +33 +17,833,994 +1,097,869,312 +17,872,714 +1,255,942,144 ' "$T/out" || fail "TM1's totals"
grep -qE '^fe.conv2 +Conv 3x3 +\[1,64,64,64\] +36,928 +150,994,944 +1,048,576$' "$T/out" || fail "fe.conv2"
[ -s "$T/err" ] && fail "something on stderr"
expect 0 'Conv 3x3 stride 2 depthwise' "$WICK" describe mobilenetv1
expect 0 '"macs": 45469696' "$WICK" describe mobilenetv1 --input 64 --json
grep -qF '"features": [' "$T/out" || fail "features in JSON"
expect 0 'no shared extractor' "$WICK" describe vgg16 --width 0.1 --baseline
grep -qE '^extractor' "$T/out" && fail "a baseline with an extractor"
expect 0 'BatchNormalization' "$WICK" describe vgg16 --width 0.1 --batch-norm
expect 0 '[1,1,28,28]' "$WICK" describe mobilenetv1 --width 0.1 --input 28x28x1
# The recipes' own parameters.
expect 0 'resnet depth=56 shortcut=projection: input [1,3,32,32]' "$WICK" describe resnet --depth 56 --shortcut projection
grep -qE '^extractor +10 +5,136 ' "$T/out" || fail "ResNet-56's extractor"
grep -qE '^TM1 +189 +850,634 +[0-9,]+ +855,770 ' "$T/out" || fail "ResNet-56's TM1" # 853,018 + 2,752, and that - 5,136
expect 0 ' 269,722 ' "$WICK" describe resnet # what He et al. count
expect 0 ' 769,162 ' "$WICK" describe densenet --depth 100
expect 0 '"recipe": "densenet depth=100 growth=12 variant=bc"' "$WICK" describe densenet --depth 100 --json
expect 0 'Pad' "$WICK" describe resnet
expect 0 'growth=24 variant=plain' "$WICK" describe densenet --growth 24 --set variant=plain --set depth=16
expect 2 'such as depth=56' "$WICK" describe resnet --set depth
expect 2 'this option is for recipes' "$WICK" describe some.onnx --depth 20
expect 3 'parameters.depth: 21 is not possible: 14 to 200 in steps of 6 (14, 20, 26, ...)' "$WICK" describe resnet --depth 21
expect 3 "the recipe has no parameter 'depth'" "$WICK" describe vgg16 --depth 16
expect 3 'it has depth, shortcut' "$WICK" describe resnet --growth 12
# Models: a float family with a measured module, and an int8 one without metadata.
M=$WICK_SOURCE/tests/onnx/data
expect 0 'float activations (4 bytes each)' "$WICK" describe "$M/family.onnx"
grep -qE '^TM1 +10 +1,713 +11,508 +2,337 +58,164 +3,520 +81.25 %$' "$T/out" || fail "TM1 of family.onnx"
expect 0 'int8 activations (1 byte each)' "$WICK" describe "$M/quantized.onnx"
grep -qE '^g/Gemm +Gemm +\[1,3\] +111 +108 +3$' "$T/out" || fail "the int8 layer"
grep -q 'QuantizeLinear' "$T/out" && fail "a layer that is none"
head -c 3000 "$M/family.onnx" >"$T/cut.onnx"
expect 3 'cut.onnx' "$WICK" describe "$T/cut.onnx"
expect 0 'Example: wick describe' "$WICK" describe --help
expect 2 'not a size' "$WICK" describe vgg16 --input 64x
expect 2 'not a number' "$WICK" describe vgg16 --width 0
expect 2 'name a recipe' "$WICK" describe
expect 2 'for recipes' "$WICK" describe some.onnx --width 2
expect 3 'one of: ' "$WICK" describe no-such-recipe
expect 3 'no-such.onnx' "$WICK" describe no-such.onnx
expect 3 'too small' "$WICK" describe vgg16 --input 16
sed 's/"type": "pool", "size": 4/"type": "pol", "size": 4/' "$WICK_SOURCE/recipes/vgg16.json" >"$T/bad.json"
expect 3 'heads[1].layers[2].type: there is no layer' "$WICK" describe "$T/bad.json"
grep -qF 'known layers: conv' "$T/err" || fail "no way out named"
[ "$(grep -c '^wick:' "$T/err")" = 1 ] || fail "not one message"
echo '{"name": "x",' >"$T/cut.json"
expect 3 'line ' "$WICK" describe "$T/cut.json"
expect 0 'committed and in-flight bytes share no 32 B' "$WICK" describe --device m7-mram
grep -qE '^conv2d_s8_dsp +1\.[0-9]+ ' "$T/out" || fail "no kernel costs"
grep -q '^kernels m7; cycles: estimate: ' "$T/out" || fail "the rule behind the cycles is not told"
expect 0 '2x2x8 tiles' "$WICK" describe --device m7-mram
expect 0 '"tile_channels": 8' "$WICK" describe --device m7-mram --json
expect 0 '"unit_bytes": 2048' "$WICK" describe --device m33-flash --json
expect 2 'for recipes' "$WICK" describe --device m7-mram --width 2
expect 2 'name a recipe' "$WICK" describe --device m7-mram vgg16
expect 3 'one of: ' "$WICK" describe --device no-such-device
echo ok
