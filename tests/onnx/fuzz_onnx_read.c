/* libFuzzer entry for the reader; not part of the build. With B the build folder:
   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_DEFAULT_SOURCE -DWICK_VERSION='"0"'
   -DWICK_SOURCE_DIR='"."' -Itoolchain -I$B/toolchain/onnxpb tests/onnx/fuzz_onnx_read.c
   toolchain/{base,graph,onnx}/[a-z]*.c $B/toolchain/onnxpb/onnx/onnx.pb-c.c -lprotobuf-c -ljansson
   -lnettle -lpthread -lm -o fuzz && ./fuzz CORPUS tests/onnx/data */
#include "onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is read can be written and read again, to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wick_graph *graph, *again;
    wick_diag diag = {0};
    wick_buf first = {0}, second = {0};
    wick_status status = wick_onnx_read_bytes(data, size, "fuzz", NULL, &graph, &diag);
    if ((status == WICK_OK) != (graph != NULL) || (status == WICK_OK) != (diag.count == 0))
        abort();
    if (graph) {
        if (wick_onnx_write_bytes(graph, "fuzz", &first, NULL) != WICK_OK ||
            wick_onnx_read_bytes((const uint8_t *)first.data, first.len, "again", NULL, &again,
                                 NULL) != WICK_OK ||
            wick_onnx_write_bytes(again, "again", &second, NULL) != WICK_OK ||
            first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
            abort();
        wick_graph_free(again);
    }
    wick_graph_free(graph);
    wick_buf_free(&first);
    wick_buf_free(&second);
    wick_diag_free(&diag);
    return 0;
}
