#include "train/onednn/onednn_shim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *status_name(dnnl_status_t status) {
    switch (status) {
    case dnnl_out_of_memory:
        return "out of memory";
    case dnnl_invalid_arguments:
        return "invalid arguments";
    case dnnl_unimplemented:
        return "not implemented on this machine";
    case dnnl_runtime_error:
        return "run-time error";
    default:
        return "unknown error";
    }
}

bool wick_dn_check(wick_dn *dn, dnnl_status_t result, const char *what) {
    if (result == dnnl_success)
        return true;
    if (!dn->quiet && dn->status == WICK_OK)
        dn->status =
            wick_fail(dn->diag, result == dnnl_out_of_memory ? WICK_MEMORY : WICK_BACKEND, NULL,
                      dn->node, NULL, "oneDNN cannot %s: %s", what, status_name(result));
    return false;
}

void *wick_dn_own(wick_dn *dn, void *object, int kind) {
    if (!object)
        return NULL;
    if (dn->n_objects == dn->cap_objects) {
        dn->cap_objects = dn->cap_objects ? 2 * dn->cap_objects : 256;
        dn->objects = wick_xrealloc(dn->objects, dn->cap_objects * sizeof *dn->objects);
    }
    dn->objects[dn->n_objects++] = (wick_dn_object){object, kind, dn->keep};
    return object;
}

static void destroy(wick_dn_object *entry) {
    switch (entry->kind) {
    case WICK_DN_MD:
#if DNNL_VERSION_MAJOR >= 3
        dnnl_memory_desc_destroy(entry->object);
#else
        free(entry->object);
#endif
        break;
    case WICK_DN_PD:
        dnnl_primitive_desc_destroy(entry->object);
        break;
    case WICK_DN_PRIMITIVE:
        dnnl_primitive_destroy(entry->object);
        break;
    case WICK_DN_MEMORY:
        dnnl_memory_destroy(entry->object);
        break;
    }
}

void wick_dn_open(wick_dn *dn, wick_diag *diag) {
    *dn = (wick_dn){.diag = diag};
    if (wick_dn_check(dn, dnnl_engine_create(&dn->engine, dnnl_cpu, 0), "start its engine"))
        wick_dn_check(dn, dnnl_stream_create(&dn->stream, dn->engine, dnnl_stream_default_flags),
                      "start its stream");
}

void wick_dn_release(wick_dn *dn) {
    size_t kept = 0;
    for (size_t i = dn->n_objects; i-- > 0;)
        if (!dn->objects[i].keep)
            destroy(&dn->objects[i]);
    for (size_t i = 0; i < dn->n_objects; i++)
        if (dn->objects[i].keep)
            dn->objects[kept++] = dn->objects[i];
    dn->n_objects = kept;
}

void wick_dn_free(wick_dn *dn) {
    for (size_t i = dn->n_objects; i-- > 0;)
        destroy(&dn->objects[i]);
    free(dn->objects);
    if (dn->stream)
        dnnl_stream_destroy(dn->stream);
    if (dn->engine)
        dnnl_engine_destroy(dn->engine);
    *dn = (wick_dn){0};
}

const char *wick_dn_isa(void) {
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
        return "sse41";
    case dnnl_cpu_isa_avx:
        return "avx";
    case dnnl_cpu_isa_avx2:
        return "avx2";
    case dnnl_cpu_isa_avx2_vnni:
        return "avx2_vnni";
    case dnnl_cpu_isa_avx512_core:
        return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni:
        return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16:
        return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx:
        return "avx512_core_amx";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl_cpu_isa_avx512_core_fp16:
        return "avx512_core_fp16";
#endif
    default:
        return "other instruction set";
    }
}

/* ---- memory descriptors ---- */

static wick_dn_md describe(wick_dn *dn, int rank, const dnnl_dim_t *dims, dnnl_format_tag_t tag) {
    if (dn->status != WICK_OK)
        return NULL;
    dnnl_dims_t copy = {0};
    memcpy(copy, dims, (size_t)rank * sizeof *dims);
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t md = NULL;
    if (!wick_dn_check(dn, dnnl_memory_desc_create_with_tag(&md, rank, copy, dnnl_f32, tag),
                       "describe a tensor"))
        return NULL;
#else
    dnnl_memory_desc_t *md = wick_xalloc(sizeof *md);
    if (!wick_dn_check(dn, dnnl_memory_desc_init_by_tag(md, rank, copy, dnnl_f32, tag),
                       "describe a tensor")) {
        free(md);
        return NULL;
    }
#endif
    return wick_dn_own(dn, md, WICK_DN_MD);
}

wick_dn_md wick_dn_plain(wick_dn *dn, int rank, const dnnl_dim_t *dims) {
    static const dnnl_format_tag_t tags[] = {dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
    assert(rank >= 1 && rank <= (int)WICK_LEN(tags));
    return describe(dn, rank, dims, tags[rank - 1]);
}

wick_dn_md wick_dn_any(wick_dn *dn, int rank, const dnnl_dim_t *dims) {
    return describe(dn, rank, dims, dnnl_format_tag_any);
}

wick_dn_md wick_dn_blocked(wick_dn *dn, const dnnl_dim_t *dims, int lanes) {
    return describe(dn, 4, dims, lanes == 16 ? dnnl_nChw16c : dnnl_nChw8c);
}

wick_dn_md wick_dn_clone(wick_dn *dn, wick_dn_md md) {
    if (dn->status != WICK_OK)
        return NULL;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t copy = NULL;
    if (!wick_dn_check(dn, dnnl_memory_desc_clone(&copy, md), "copy a descriptor"))
        return NULL;
#else
    dnnl_memory_desc_t *copy = wick_xalloc(sizeof *copy);
    *copy = *md;
#endif
    return wick_dn_own(dn, copy, WICK_DN_MD);
}

wick_dn_md wick_dn_part(wick_dn *dn, wick_dn_md md, const dnnl_dim_t *dims,
                        const dnnl_dim_t *offsets) {
    if (dn->status != WICK_OK)
        return NULL;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t part = NULL;
    if (dnnl_memory_desc_create_submemory(&part, md, dims, offsets) != dnnl_success)
        return NULL;
#else
    dnnl_memory_desc_t *part = wick_xalloc(sizeof *part);
    if (dnnl_memory_desc_init_submemory(part, md, dims, offsets) != dnnl_success) {
        free(part);
        return NULL;
    }
#endif
    return wick_dn_own(dn, part, WICK_DN_MD);
}

wick_dn_md wick_dn_query(wick_dn *dn, wick_dn_pd pd, dnnl_query_t what) {
    return dn->status == WICK_OK && pd ? dnnl_primitive_desc_query_md(pd, what, 0) : NULL;
}

size_t wick_dn_bytes(wick_dn_md md) {
    return md ? dnnl_memory_desc_get_size(md) : 0;
}

bool wick_dn_same(wick_dn_md a, wick_dn_md b) {
    return a == b || (a && b && dnnl_memory_desc_equal(a, b));
}

dnnl_memory_t wick_dn_memory(wick_dn *dn, wick_dn_md md) {
    dnnl_memory_t memory = NULL;
    if (dn->status != WICK_OK || !md ||
        !wick_dn_check(dn, dnnl_memory_create(&memory, md, dn->engine, DNNL_MEMORY_NONE),
                       "make a tensor"))
        return NULL;
    return wick_dn_own(dn, memory, WICK_DN_MEMORY);
}

dnnl_primitive_t wick_dn_primitive(wick_dn *dn, wick_dn_pd pd) {
    dnnl_primitive_t primitive = NULL;
    if (dn->status != WICK_OK || !pd ||
        !wick_dn_check(dn, dnnl_primitive_create(&primitive, pd), "make a primitive"))
        return NULL;
    return wick_dn_own(dn, primitive, WICK_DN_PRIMITIVE);
}

const char *wick_dn_impl(wick_dn_pd pd) {
    const char *name = NULL;
    if (!pd || dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name))
        return "unknown";
    return name ? name : "unknown";
}
