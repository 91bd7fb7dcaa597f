/* The wire format (developers.google.com/protocol-buffers, "Encoding"): a message is a sequence of
   fields; a field is a tag (number << 3 | wire type) and a value. The walk below follows the same
   descriptors that protobuf-c unpacks by, so that nothing reaches it which this file did not see.
 */
#include "onnx_wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5, MAX_VARINT_BYTES = 10, MAX_TAG_BYTES = 5 };

typedef struct walk {
    const uint8_t *bytes;
    size_t file_len;
    const char *file;
    wick_diag *diag;
    size_t fields, messages;
} walk;

/* The message being walked. */
typedef struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;
    int depth;
} frame;

static const char *const resend_hint = "copy or export the file again";

static wick_status bad(walk *w, size_t at, const char *reason, const char *name) {
    char place[40];
    snprintf(place, sizeof place, "byte %zu", at);
    return wick_fail(w->diag, WICK_SYNTAX, w->file, place, "is it an ONNX file?", "%s%s%s", reason,
                     name ? " in " : "", name ? name : "");
}

/* The value of a field that began at `at` does not fit: at the top level the file ends too early;
   deeper down the enclosing message is whole, so its content is wrong. */
static wick_status overrun(walk *w, const frame *f, size_t at) {
    if (f->depth > 0)
        return bad(w, at, "a field reaches beyond the message around it", f->type->short_name);
    char place[40];
    snprintf(place, sizeof place, "byte %zu", w->file_len);
    return wick_fail(w->diag, WICK_TRUNCATED, w->file, place, resend_hint,
                     "the file ends within the field that begins at byte %zu", at);
}

typedef enum varint_result { VARINT_OK, VARINT_CUT, VARINT_LONG } varint_result;

static varint_result read_varint(const walk *w, size_t *at, size_t end, int max_bytes,
                                 uint64_t *value) {
    uint64_t v = 0;
    for (int i = 0; i < max_bytes; i++) {
        if (*at == end)
            return VARINT_CUT;
        uint8_t byte = w->bytes[(*at)++];
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *value = v;
            return VARINT_OK;
        }
    }
    return VARINT_LONG;
}

static int wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return LENGTH;
    default:
        return VARINT;
    }
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type,
                                                  uint64_t number) {
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].id == number)
            return &type->fields[i];
    return NULL;
}

/* The bit that a field sets in the mask of those seen; members of a oneof share one. */
static uint64_t seen_bit(const ProtobufCMessageDescriptor *type,
                         const ProtobufCFieldDescriptor *field) {
    assert(type->n_fields <= 64);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &type->fields[i];
        bool same_oneof = (field->flags & other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
                          field->quantifier_offset == other->quantifier_offset;
        if (other == field || same_oneof)
            return UINT64_C(1) << i;
    }
    return 0;
}

/* UTF-8 as RFC 3629 has it, without NUL: C strings end there. */
static bool is_text(const uint8_t *s, size_t len) {
    for (size_t i = 0; i < len;) {
        uint8_t first = s[i++];
        if (first == 0)
            return false;
        if (first < 0x80)
            continue;
        size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        uint8_t low = 0x80, high = 0xbf;
        if (first < 0xc2 || first > 0xf4 || len - i < more)
            return false;
        if (first == 0xe0)
            low = 0xa0; /* overlong */
        if (first == 0xed)
            high = 0x9f; /* surrogates */
        if (first == 0xf0)
            low = 0x90;
        if (first == 0xf4)
            high = 0x8f; /* beyond U+10FFFF */
        for (size_t k = 0; k < more; k++, i++, low = 0x80, high = 0xbf)
            if (s[i] < low || s[i] > high)
                return false;
    }
    return true;
}

static wick_status check_packed(walk *w, const ProtobufCFieldDescriptor *field, size_t at,
                                size_t end) {
    int wire = wire_type_of(field->type);
    size_t unit = wire == FIXED32 ? 4 : 8;
    if (wire != VARINT)
        return (end - at) % unit ? bad(w, at, "a packed list ends within a number", field->name)
                                 : WICK_OK;
    while (at < end) {
        size_t start = at;
        uint64_t value;
        if (read_varint(w, &at, end, MAX_VARINT_BYTES, &value) != VARINT_OK)
            return bad(w, start, "a packed number does not end", field->name);
    }
    return WICK_OK;
}

static wick_status walk_message(walk *w, frame f, size_t at);

static wick_status check_length_field(walk *w, const frame *f,
                                      const ProtobufCFieldDescriptor *field, size_t at,
                                      size_t end) {
    if (!field)
        return WICK_OK;
    if (wire_type_of(field->type) != LENGTH)
        return check_packed(w, field, at, end);
    if (field->type == PROTOBUF_C_TYPE_STRING && !is_text(w->bytes + at, end - at))
        return bad(w, at, "a text that is not UTF-8", field->name);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_message(w, (frame){field->descriptor, end, f->depth + 1}, at);
    return WICK_OK;
}

/* Skips the value behind the tag that began at `start`; *at moves behind it. */
static wick_status check_value(walk *w, const frame *f, const ProtobufCFieldDescriptor *field,
                               int wire, size_t start, size_t *at) {
    uint64_t value = 0;
    if (wire == VARINT) {
        varint_result r = read_varint(w, at, f->end, MAX_VARINT_BYTES, &value);
        if (r != VARINT_OK)
            return r == VARINT_CUT ? overrun(w, f, start)
                                   : bad(w, start, "a number too long", NULL);
        return WICK_OK;
    }
    size_t len = wire == FIXED32 ? 4 : 8;
    if (wire == LENGTH) {
        varint_result r = read_varint(w, at, f->end, MAX_TAG_BYTES, &value);
        if (r == VARINT_LONG || value > INT32_MAX)
            return bad(w, start, "a field longer than 2 GiB", field ? field->name : NULL);
        if (r == VARINT_CUT)
            return overrun(w, f, start);
        len = (size_t)value;
    }
    if (len > f->end - *at)
        return overrun(w, f, start);
    size_t begin = *at;
    *at += len;
    return wire == LENGTH ? check_length_field(w, f, field, begin, *at) : WICK_OK;
}

static wick_status check_field(walk *w, const frame *f, size_t *at, uint64_t *seen) {
    size_t start = *at;
    uint64_t tag;
    varint_result r = read_varint(w, at, f->end, MAX_TAG_BYTES, &tag);
    if (r == VARINT_CUT)
        return overrun(w, f, start);
    int wire = (int)(tag & 7);
    if (r == VARINT_LONG || tag >> 3 == 0 || tag >> 32)
        return bad(w, start, "a field without a legal number", f->type->short_name);
    if (wire != VARINT && wire != FIXED64 && wire != LENGTH && wire != FIXED32)
        return bad(w, start, "a field of an unknown kind", f->type->short_name);
    const ProtobufCFieldDescriptor *field = find_field(f->type, tag >> 3);
    if (!field && f->depth == 0 && start == 0)
        return bad(w, start, "this is not how an ONNX file begins", NULL);
    if (field) {
        int want = wire_type_of(field->type);
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (wire != want && !(wire == LENGTH && repeated))
            return bad(w, start, "a field of the wrong kind", field->name);
        uint64_t bit = seen_bit(f->type, field);
        if (!repeated && (*seen & bit))
            return bad(w, start, "a field that occurs twice", field->name);
        *seen |= bit;
    }
    if (++w->fields > WICK_ONNX_MAX_FIELDS)
        return wick_fail(w->diag, WICK_UNSUPPORTED, w->file, NULL, NULL,
                         "more than %d fields in one model", WICK_ONNX_MAX_FIELDS);
    return check_value(w, f, field, wire, start, at);
}

static wick_status walk_message(walk *w, frame f, size_t at) {
    if (f.depth > WICK_ONNX_MAX_DEPTH)
        return bad(w, at, "messages nested too deeply", f.type->short_name);
    if (++w->messages > WICK_ONNX_MAX_MESSAGES)
        return wick_fail(w->diag, WICK_UNSUPPORTED, w->file, NULL, NULL,
                         "more than %d messages in one model", WICK_ONNX_MAX_MESSAGES);
    uint64_t seen = 0;
    while (at < f.end)
        WICK_TRY(check_field(w, &f, &at, &seen));
    return WICK_OK;
}

wick_status wick_onnx_check_wire(const uint8_t *bytes, size_t len,
                                 const ProtobufCMessageDescriptor *type, const char *file,
                                 wick_diag *diag) {
    walk w = {.bytes = bytes, .file_len = len, .file = file, .diag = diag};
    if (len == 0)
        return wick_fail(diag, WICK_TRUNCATED, file, "byte 0", resend_hint, "the file is empty");
    if (len > INT32_MAX)
        return wick_fail(diag, WICK_UNSUPPORTED, file, NULL, NULL,
                         "the file is larger than 2 GiB, which is the limit of its format");
    return walk_message(&w, (frame){type, len, 0}, 0);
}
