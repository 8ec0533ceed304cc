// Reads records as their fields say, lets the plugin judge them, and tells the gateway what the plugin is. What is
// returned to the gateway is allocated piece by piece: the generated bindings free it that way after each call.

#define YYJSON_DISABLE_FILE 1
#define YYJSON_DISABLE_INCR_READER 1
#define YYJSON_DISABLE_NON_STANDARD 1
#define YYJSON_DISABLE_UTILS 1
#include "../yyjson/yyjson.c"

#include "../bindings/plugin.h"
#include "sluicegate.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef plugin_string_t string;
typedef sluicegate_plugin_types_list_field_t pairs;
typedef sluicegate_plugin_types_violation_t violation;
typedef sluicegate_plugin_types_list_violation_t violations;

// The bindings call for an object file that describes the contract. The gateway knows the contract itself.
void __component_type_object_force_link_plugin(void) {}

// More violations of one record help nobody.
enum { VIOLATIONS_MAX = 100 };

// ---- memory

static void *allocated(void *memory) {
    if (!memory) {
        fputs("panic: no memory left\n", stderr);
        abort();
    }
    return memory;
}

static void *allocate(size_t size) { return allocated(calloc(1, size ? size : 1)); }

// Makes room for one more at the end of a list of the bindings, and gives that.
#define PUSH(list) (push((void **)&(list)->ptr, &(list)->len, sizeof *(list)->ptr), &(list)->ptr[(list)->len - 1])

static void push(void **elements, size_t *length, size_t size) {
    size_t n = *length;
    // The room doubles at each power of two.
    if ((n & (n - 1)) == 0) *elements = allocated(realloc(*elements, (n ? 2 * n : 1) * size));
    memset((char *)*elements + n * size, 0, size);
    *length = n + 1;
}

static string copy(const char *start, size_t length) {
    string copy = {0};
    if (length) {
        copy.ptr = allocate(length);
        copy.len = length;
        memcpy(copy.ptr, start, length);
    }
    return copy;
}

static string text(const char *text) { return text ? copy(text, strlen(text)) : (string){0}; }

static string join(const char *a, const char *b, const char *c) {
    size_t la = strlen(a), lb = strlen(b), lc = strlen(c);
    string joined = {allocate(la + lb + lc), la + lb + lc};
    memcpy(joined.ptr, a, la);
    memcpy(joined.ptr + la, b, lb);
    memcpy(joined.ptr + la + lb, c, lc);
    return joined;
}

// What a record is read into lives until it is judged.
typedef struct block {
    struct block *next;
    char *elements;
} block;

// ---- what is wrong, and where

typedef struct place {
    const struct place *parent;
    const char *name; // NULL: an element
    size_t index;
} place;

typedef struct {
    violations found;
    block *blocks;
} reader;

static string pointer(const place *at, size_t after) {
    if (!at) return (string){after ? allocate(after) : NULL, 0};
    char digits[24];
    const char *name = at->name;
    if (!name) {
        char *digit = digits + sizeof digits - 1;
        *digit = 0;
        size_t index = at->index;
        do *--digit = (char)('0' + index % 10);
        while (index /= 10);
        name = digit;
    }
    string out = pointer(at->parent, after + 2 * strlen(name) + 1);
    out.ptr[out.len++] = '/';
    for (; *name; name++) {
        if (*name == '~' || *name == '/') {
            out.ptr[out.len++] = '~';
            out.ptr[out.len++] = *name == '~' ? '0' : '1';
        } else {
            out.ptr[out.len++] = (uint8_t)*name;
        }
    }
    return out;
}

static void note(reader *r, const place *at, const char *code, string message, const char *parameter,
                 const char *value) {
    if (r->found.len >= VIOLATIONS_MAX) {
        free(message.ptr);
        return;
    }
    violation *new = PUSH(&r->found);
    new->pointer = pointer(at, 0);
    new->code = text(code);
    new->message = message;
    if (parameter) *PUSH(&new->parameters) = (sluicegate_plugin_types_field_t){text(parameter), text(value)};
}

static void say(reader *r, const place *at, const char *code, const char *message) {
    note(r, at, code, text(message), NULL, NULL);
}

// ---- reading

static const char *decimal(double number, char buffer[40]) {
    yyjson_val value = {0};
    if (number == __builtin_trunc(number) && __builtin_fabs(number) < 1e15) {
        yyjson_set_sint(&value, (int64_t)number);
    } else {
        yyjson_set_real(&value, number);
    }
    yyjson_write_number(&value, buffer);
    return buffer;
}

static const char *count(size_t n, const char *one, const char *many, char buffer[64]) {
    decimal((double)n, buffer);
    return strcat(buffer, n == 1 ? one : many);
}

// The regular expressions of the fields that have been met. They are few.
typedef struct compiled {
    const sg_field *field;
    bool wrong;
    regex_t regex;
    struct compiled *next;
} compiled;

static const compiled *compile(const sg_field *field) {
    static compiled *all;
    for (compiled *known = all; known; known = known->next) {
        if (known->field == field) return known;
    }
    compiled *new = allocate(sizeof *new);
    new->field = field;
    new->wrong = regcomp(&new->regex, field->pattern, REG_EXTENDED | REG_NOSUB) != 0;
    new->next = all;
    return all = new;
}

// A text that has a zero inside is matched by no pattern: the matcher would only see what stands before it.
static bool matches(const sg_field *field, sg_text text) {
    return strlen(text.start) == text.length && regexec(&compile(field)->regex, text.start, 0, NULL, 0) == 0;
}

static bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

typedef enum { IS_NUMBER, NOT_FINITE, NO_NUMBER_IN_TEXT, NO_NUMBER } numeric;

// A number may come as a text that is one, as JSON writes it.
static numeric to_number(yyjson_val *value, yyjson_val *out) {
    bool raw = yyjson_is_raw(value), quoted = yyjson_is_str(value);
    if (!raw && !quoted) {
        *out = *value;
        return yyjson_is_num(value) ? IS_NUMBER : NO_NUMBER;
    }
    const char *start = unsafe_yyjson_get_str(value), *end = start + unsafe_yyjson_get_len(value);
    while (start < end && is_white(*start)) start++;
    yyjson_read_err error;
    const char *rest = yyjson_read_number(start, out, YYJSON_READ_BIGNUM_AS_RAW, NULL, &error);
    if (!rest) return NO_NUMBER_IN_TEXT;
    while (rest < end && is_white(*rest)) rest++;
    if (rest != end) return NO_NUMBER_IN_TEXT;
    if (!yyjson_is_raw(out)) return IS_NUMBER;
    return yyjson_read_number(start, out, YYJSON_READ_NOFLAG, NULL, &error) ? IS_NUMBER : NOT_FINITE;
}

static bool keeps_limits(reader *r, const place *at, const sg_field *field, double number) {
    const struct {
        const double *limit;
        bool broken;
        const char *code, *message, *parameter;
    } limits[] = {
        {field->above, field->above && !(number > *field->above), "greater_than", "must be greater than ", "above"},
        {field->min, field->min && !(number >= *field->min), "greater_than_equal", "must be at least ", "min"},
        {field->below, field->below && !(number < *field->below), "less_than", "must be less than ", "below"},
        {field->max, field->max && !(number <= *field->max), "less_than_equal", "must be at most ", "max"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].broken) {
            char buffer[40];
            const char *limit = decimal(*limits[i].limit, buffer);
            note(r, at, limits[i].code, join(limits[i].message, limit, ""), limits[i].parameter, limit);
            return false;
        }
    }
    return true;
}

static void read_number(reader *r, const place *at, const sg_field *field, yyjson_val *value, double *into) {
    yyjson_val number;
    switch (to_number(value, &number)) {
        case NO_NUMBER: say(r, at, "float_type", "must be a number"); return;
        case NO_NUMBER_IN_TEXT: say(r, at, "float_parsing", "this text is no number"); return;
        case NOT_FINITE: say(r, at, "finite_number", "is too large for a number"); return;
        case IS_NUMBER: break;
    }
    *into = yyjson_get_num(&number);
    keeps_limits(r, at, field, *into);
}

static void read_whole(reader *r, const place *at, const sg_field *field, yyjson_val *value, int64_t *into) {
    yyjson_val number;
    numeric found = to_number(value, &number);
    double real = found == IS_NUMBER ? yyjson_get_num(&number) : 0;
    if (found == NO_NUMBER) {
        say(r, at, "int_type", "must be a whole number");
    } else if (found == NO_NUMBER_IN_TEXT || (yyjson_is_str(value) && real != __builtin_trunc(real))) {
        say(r, at, "int_parsing", "this text is no whole number");
    } else if (found == NOT_FINITE) {
        say(r, at, "finite_number", "is too large for a number");
    } else if (real != __builtin_trunc(real)) {
        say(r, at, "int_from_float", "must be a whole number, without a fraction");
    } else if (keeps_limits(r, at, field, real)) {
        if (yyjson_is_sint(&number) || (yyjson_is_uint(&number) && yyjson_get_uint(&number) <= INT64_MAX)) {
            *into = yyjson_get_sint(&number);
        } else if (__builtin_fabs(real) < 0x1p63) {
            *into = (int64_t)real;
        } else {
            say(r, at, "int_parsing_size", "is too large for a whole number");
        }
    }
}

static size_t characters(sg_text text) {
    size_t n = 0;
    for (size_t i = 0; i < text.length; i++) n += ((uint8_t)text.start[i] & 0xC0) != 0x80;
    return n;
}

static void read_text(reader *r, const place *at, const sg_field *field, yyjson_val *value, sg_text *into) {
    bool is_text = yyjson_is_str(value);
    sg_text text = {is_text ? yyjson_get_str(value) : NULL, yyjson_get_len(value)};
    if (field->choices) {
        string listed = {0};
        for (const char *const *choice = field->choices; *choice; choice++) {
            if (sg_is(text, *choice)) {
                free(listed.ptr);
                *into = text;
                return;
            }
            string longer = join(listed.ptr ? (char *)listed.ptr : "", listed.ptr ? ", " : "", *choice);
            free(listed.ptr);
            listed = longer;
            listed.ptr = allocated(realloc(listed.ptr, listed.len + 1));
            listed.ptr[listed.len] = 0;
        }
        note(r, at, "enum", join("must be one of ", (char *)listed.ptr, ""), "choices", (char *)listed.ptr);
        free(listed.ptr);
        return;
    }
    if (!is_text) {
        say(r, at, "string_type", "must be a text");
        return;
    }
    *into = text;
    char buffer[64], limit[40];
    size_t length = field->min_length || field->max_length ? characters(text) : 0;
    if (field->min_length && length < *field->min_length) {
        const char *least = count(*field->min_length, " character", " characters", buffer);
        string message = join("must be at least ", least, " long");
        note(r, at, "string_too_short", message, "min_length", decimal((double)*field->min_length, limit));
    } else if (field->max_length && length > *field->max_length) {
        const char *most = count(*field->max_length, " character", " characters", buffer);
        string message = join("must be at most ", most, " long");
        note(r, at, "string_too_long", message, "max_length", decimal((double)*field->max_length, limit));
    } else if (field->pattern && !matches(field, text)) {
        string message = join("must match the pattern ", field->pattern, "");
        note(r, at, "string_pattern_mismatch", message, "pattern", field->pattern);
    }
}

static void read_object(reader *r, const place *at, const sg_record *record, yyjson_val *value, void *into);

static void read_list(reader *r, const place *at, const sg_field *field, yyjson_val *value, sg_list *into) {
    if (!yyjson_is_arr(value)) {
        say(r, at, "list_type", "must be a list");
        return;
    }
    char buffer[64], limit[40];
    size_t length = yyjson_arr_size(value);
    if (field->min_length && length < *field->min_length) {
        const char *least = count(*field->min_length, " element", " elements", buffer);
        string message = join("must have at least ", least, "");
        note(r, at, "too_short", message, "min_length", decimal((double)*field->min_length, limit));
    } else if (field->max_length && length > *field->max_length) {
        const char *most = count(*field->max_length, " element", " elements", buffer);
        string message = join("must have at most ", most, "");
        note(r, at, "too_long", message, "max_length", decimal((double)*field->max_length, limit));
        return;
    }
    size_t size = field->record ? field->record->size : sizeof(sg_text), room = 0;
    block *new = allocate(sizeof *new);
    new->next = r->blocks;
    r->blocks = new;
    static const sg_field plain = {.kind = SG_TEXT};
    size_t index, max;
    yyjson_val *each;
    yyjson_arr_foreach(value, index, max, each) {
        if (r->found.len >= VIOLATIONS_MAX) return;
        if (index == room) { // not all at once: a long list of small things that are no records would take it all
            room = room ? 2 * room : 4;
            new->elements = allocated(realloc(new->elements, room * size));
        }
        char *element = new->elements + index * size;
        memset(element, 0, size);
        place here = {at, NULL, index};
        if (field->record) {
            read_object(r, &here, field->record, each, element);
        } else {
            read_text(r, &here, &plain, each, (sg_text *)element);
        }
    }
    *into = (sg_list){new->elements, length};
}

static void read_field(reader *r, const place *at, const sg_field *field, yyjson_val *value, char *record) {
    void *into = record + field->offset;
    switch (field->kind) {
        case SG_TEXT: read_text(r, at, field, value, into); break;
        case SG_NUMBER: read_number(r, at, field, value, into); break;
        case SG_WHOLE: read_whole(r, at, field, value, into); break;
        case SG_LIST: read_list(r, at, field, value, into); break;
        case SG_OBJECT: read_object(r, at, field->record, value, into); break;
        case SG_BOOLEAN:
            if (!yyjson_is_bool(value)) say(r, at, "bool_type", "must be true or false");
            *(bool *)into = yyjson_get_bool(value);
    }
}

// Of several members of one name the last counts.
static yyjson_val *member(yyjson_val *object, const char *name) {
    yyjson_val *found = NULL, *key, *value;
    size_t index, max;
    yyjson_obj_foreach(object, index, max, key, value) {
        if (yyjson_equals_str(key, name)) found = value;
    }
    return found;
}

static void read_object(reader *r, const place *at, const sg_record *record, yyjson_val *value, void *into) {
    if (!yyjson_is_obj(value)) {
        say(r, at, "model_type", "must be an object");
        return;
    }
    for (const sg_field *field = record->fields; field->name; field++) {
        place here = {at, field->name, 0};
        yyjson_val *found = member(value, field->name);
        if (!found && !field->optional) {
            say(r, &here, "missing", "is missing");
        } else if (found && !(field->optional && yyjson_is_null(found))) {
            if (field->given) *((bool *)into + field->given - 1) = true;
            read_field(r, &here, field, found, into);
        }
    }
}

// ---- judging

struct sg_out {
    const exports_sluicegate_plugin_rules_request_t *request;
    const sluicegate_plugin_types_item_t *item;
    uint32_t index;
    sluicegate_plugin_types_judgement_t *judgement;
    sluicegate_plugin_types_acceptance_t acceptance;
    violations rejections;
    string discarded, failed;
    bool is_discarded, is_failed;
};

void sg_id(sg_out *out, sg_text id) {
    plugin_option_string_t *into = &out->acceptance.id;
    free(into->val.ptr);
    *into = (plugin_option_string_t){id.start != NULL, copy(id.start, id.length)};
}

void sg_key(sg_out *out, sg_text key) {
    plugin_option_list_u8_t *into = &out->acceptance.key;
    string bytes = copy(key.start, key.length);
    free(into->val.ptr);
    into->is_some = key.start != NULL;
    into->val.ptr = bytes.ptr;
    into->val.len = bytes.len;
}

void sg_topic(sg_out *out, uint32_t topic) { out->acceptance.topic = topic; }

void sg_timestamp(sg_out *out, int64_t milliseconds) {
    out->acceptance.timestamp.is_some = true;
    out->acceptance.timestamp.val = milliseconds;
}

void sg_header(sg_out *out, const char *name, sg_text value) {
    string bytes = copy(value.start, value.length);
    sluicegate_plugin_types_header_t *new = PUSH(&out->acceptance.headers);
    new->f0 = text(name);
    new->f1.ptr = bytes.ptr;
    new->f1.len = bytes.len;
}

void sg_replace(sg_out *out, sg_text value) {
    sluicegate_plugin_types_value_t *into = &out->acceptance.value;
    if (into->tag == SLUICEGATE_PLUGIN_TYPES_VALUE_REPLACED) free(into->val.replaced.ptr);
    string bytes = copy(value.start, value.length);
    into->tag = SLUICEGATE_PLUGIN_TYPES_VALUE_REPLACED;
    into->val.replaced.ptr = bytes.ptr;
    into->val.replaced.len = bytes.len;
}

static void add(violations *to, const char *pointer, const char *code, const char *message) {
    violation *new = PUSH(to);
    new->pointer = text(pointer);
    new->code = text(code);
    new->message = text(message);
}

void sg_reject(sg_out *out, const char *pointer, const char *code, const char *message) {
    add(&out->rejections, pointer, code, message);
}

void sg_warn(sg_out *out, const char *pointer, const char *code, const char *message) {
    add(&out->acceptance.warnings, pointer, code, message);
}

void sg_discard(sg_out *out, const char *why) {
    free(out->discarded.ptr);
    out->discarded = text(why);
    out->is_discarded = true;
}

void sg_fail(sg_out *out, const char *why) {
    free(out->failed.ptr);
    out->failed = text(why);
    out->is_failed = true;
}

static bool same_attributes(const sluicegate_plugin_types_list_attribute_value_t *set, size_t n, const sg_text *values) {
    if (set->len != n) return false;
    for (size_t i = 0; i < n; i++) {
        const sluicegate_plugin_types_attribute_value_t *known = &set->ptr[i];
        bool is_text = known->tag == SLUICEGATE_PLUGIN_TYPES_ATTRIBUTE_VALUE_TEXT;
        if (is_text != (values[i].start != NULL)) return false;
        if (is_text && (known->val.text.len != values[i].length ||
                        memcmp(known->val.text.ptr, values[i].start, values[i].length)))
            return false;
    }
    return true;
}

void sg_measure_all(sg_out *out, const sg_instrument *instrument, double value, size_t n, const sg_text *attributes) {
    uint32_t index = 0;
    const sg_instrument *const *known = SG_PLUGIN.instruments;
    while (known && known[index] && known[index] != instrument) index++;
    if (!known || !known[index]) {
        sg_fail(out, "an instrument is measured that SG_PLUGIN does not name");
        return;
    }
    size_t named = 0;
    while (instrument->attributes[named]) named++;
    if (named != n) {
        sg_fail(out, "a measurement has more or fewer attributes than its instrument");
        return;
    }
    // Records of a batch mostly share a few sets of attributes. Those last made are looked at, and not all, lest a
    // batch of many sets take time by their square.
    sluicegate_plugin_types_judgement_t *judgement = out->judgement;
    size_t set = judgement->attribute_sets.len, oldest = set > 64 ? set - 64 : 0;
    while (set > oldest && !same_attributes(&judgement->attribute_sets.ptr[set - 1], n, attributes)) set--;
    if (set > oldest) {
        set--;
    } else {
        set = judgement->attribute_sets.len;
        sluicegate_plugin_types_list_attribute_value_t *new = PUSH(&judgement->attribute_sets);
        for (size_t i = 0; i < n; i++) {
            sluicegate_plugin_types_attribute_value_t *each = PUSH(new);
            if (!attributes[i].start) continue; // 0 is `absent`
            each->tag = SLUICEGATE_PLUGIN_TYPES_ATTRIBUTE_VALUE_TEXT;
            each->val.text = copy(attributes[i].start, attributes[i].length);
        }
    }
    *PUSH(&judgement->measurements) = (sluicegate_plugin_types_measurement_t){
        .item = out->index, .instrument = index, .value = value, .attribute_set = (uint32_t)set};
}

uint64_t sg_received_at(const sg_out *out) { return out->request->received_at; }

static sg_text find(const pairs *in, const char *name) {
    for (size_t i = 0; i < in->len; i++) {
        const sluicegate_plugin_types_field_t *pair = &in->ptr[i];
        if (sg_is((sg_text){(char *)pair->f0.ptr, pair->f0.len}, name)) {
            return (sg_text){pair->f1.len ? (char *)pair->f1.ptr : "", pair->f1.len};
        }
    }
    return (sg_text){0};
}

sg_text sg_request_header(const sg_out *out, const char *name) { return find(&out->request->headers, name); }
sg_text sg_parameter(const sg_out *out, const char *name) { return find(&out->request->parameters, name); }
sg_text sg_attribute(const sg_out *out, const char *name) { return find(&out->item->attributes, name); }

static void judge_item(sg_out *out, const sg_route *route, sluicegate_plugin_types_verdict_t *verdict) {
    reader r = {0};
    void *record = allocate(route->record->size);
    yyjson_read_err error;
    yyjson_doc *document = NULL;
    if (out->item->body.tag != SLUICEGATE_PLUGIN_TYPES_BODY_TEXT) {
        say(&r, NULL, "json_invalid", "this is no text");
    } else {
        string body = out->item->body.val.text;
        document = yyjson_read_opts((char *)body.ptr, body.len, YYJSON_READ_BIGNUM_AS_RAW, NULL, &error);
        if (!document && error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) allocated(NULL);
        if (!document) {
            char at[40];
            decimal((double)error.pos, at);
            string message = join("this is no JSON: ", error.msg, ", at byte ");
            string whole = {allocated(realloc(message.ptr, message.len + strlen(at))), message.len + strlen(at)};
            memcpy(whole.ptr + message.len, at, strlen(at));
            note(&r, NULL, "json_invalid", whole, NULL, NULL);
        } else {
            read_object(&r, NULL, route->record, yyjson_doc_get_root(document), record);
        }
    }
    if (!r.found.len) {
        route->judge(record, out);
        r.found = out->rejections;
    }
    if (out->is_failed) {
        verdict->tag = SLUICEGATE_PLUGIN_TYPES_VERDICT_FAIL;
        verdict->val.fail = out->failed;
    } else if (r.found.len) {
        verdict->tag = SLUICEGATE_PLUGIN_TYPES_VERDICT_REJECT;
        verdict->val.reject = r.found;
    } else if (out->is_discarded) {
        verdict->tag = SLUICEGATE_PLUGIN_TYPES_VERDICT_DISCARD;
        verdict->val.discard = out->discarded;
    } else {
        verdict->tag = SLUICEGATE_PLUGIN_TYPES_VERDICT_ACCEPT;
        verdict->val.accept = out->acceptance;
    }
    while (r.blocks) {
        block *next = r.blocks->next;
        free(r.blocks->elements);
        free(r.blocks);
        r.blocks = next;
    }
    if (verdict->tag != SLUICEGATE_PLUGIN_TYPES_VERDICT_ACCEPT) sluicegate_plugin_types_acceptance_free(&out->acceptance);
    if (verdict->tag != SLUICEGATE_PLUGIN_TYPES_VERDICT_REJECT) sluicegate_plugin_types_list_violation_free(&r.found);
    if (verdict->tag != SLUICEGATE_PLUGIN_TYPES_VERDICT_DISCARD) free(out->discarded.ptr);
    yyjson_doc_free(document);
    free(record);
}

void exports_sluicegate_plugin_rules_judge(exports_sluicegate_plugin_rules_request_t *request,
                                           exports_sluicegate_plugin_rules_list_item_t *items,
                                           exports_sluicegate_plugin_rules_judgement_t *judgement) {
    *judgement = (sluicegate_plugin_types_judgement_t){0};
    judgement->verdicts.len = items->len;
    judgement->verdicts.ptr = allocate(items->len * sizeof *judgement->verdicts.ptr);
    for (size_t i = 0; i < items->len; i++) {
        sg_out out = {.request = request, .item = &items->ptr[i], .index = (uint32_t)i, .judgement = judgement};
        judge_item(&out, SG_PLUGIN.routes[request->route], &judgement->verdicts.ptr[i]);
    }
    fflush(stdout); // what was printed, to the gateway's log
    exports_sluicegate_plugin_rules_list_item_free(items);
    exports_sluicegate_plugin_rules_request_free(request);
}

// ---- telling

static yyjson_mut_val *schema_of_record(yyjson_mut_doc *doc, const sg_record *record, yyjson_mut_val *schema);

static yyjson_mut_val *schema_of_type(yyjson_mut_doc *doc, sg_kind kind, bool optional) {
    static const char *const types[] = {"string", "number", "integer", "boolean", "array", "object"};
    yyjson_mut_val *schema = yyjson_mut_obj(doc);
    if (optional) {
        yyjson_mut_val *both = yyjson_mut_obj_add_arr(doc, schema, "type");
        yyjson_mut_arr_add_str(doc, both, types[kind]);
        yyjson_mut_arr_add_str(doc, both, "null");
    } else {
        yyjson_mut_obj_add_str(doc, schema, "type", types[kind]);
    }
    return schema;
}

static void add_number(yyjson_mut_doc *doc, yyjson_mut_val *schema, const char *keyword, const double *number) {
    if (!number) return;
    if (*number == __builtin_trunc(*number) && __builtin_fabs(*number) < 1e15) {
        yyjson_mut_obj_add_sint(doc, schema, keyword, (int64_t)*number);
    } else {
        yyjson_mut_obj_add_real(doc, schema, keyword, *number);
    }
}

static yyjson_mut_val *schema_of_field(yyjson_mut_doc *doc, const sg_field *field) {
    yyjson_mut_val *schema = schema_of_type(doc, field->kind, field->optional);
    bool list = field->kind == SG_LIST;
    if (field->doc) yyjson_mut_obj_add_str(doc, schema, "description", field->doc);
    if (field->min_length) yyjson_mut_obj_add_uint(doc, schema, list ? "minItems" : "minLength", *field->min_length);
    if (field->max_length) yyjson_mut_obj_add_uint(doc, schema, list ? "maxItems" : "maxLength", *field->max_length);
    if (field->pattern) yyjson_mut_obj_add_str(doc, schema, "pattern", field->pattern);
    if (field->choices) {
        yyjson_mut_val *choices = yyjson_mut_obj_add_arr(doc, schema, "enum");
        for (const char *const *choice = field->choices; *choice; choice++) {
            yyjson_mut_arr_add_str(doc, choices, *choice);
        }
        if (field->optional) yyjson_mut_arr_add_null(doc, choices);
    }
    add_number(doc, schema, "exclusiveMinimum", field->above);
    add_number(doc, schema, "minimum", field->min);
    add_number(doc, schema, "exclusiveMaximum", field->below);
    add_number(doc, schema, "maximum", field->max);
    if (list) {
        yyjson_mut_val *element = schema_of_type(doc, field->record ? SG_OBJECT : SG_TEXT, false);
        if (field->record) schema_of_record(doc, field->record, element);
        yyjson_mut_obj_add_val(doc, schema, "items", element);
    }
    return field->kind == SG_OBJECT ? schema_of_record(doc, field->record, schema) : schema;
}

static yyjson_mut_val *schema_of_record(yyjson_mut_doc *doc, const sg_record *record, yyjson_mut_val *schema) {
    yyjson_mut_val *properties = yyjson_mut_obj_add_obj(doc, schema, "properties");
    yyjson_mut_val *required = yyjson_mut_obj_add_arr(doc, schema, "required");
    for (const sg_field *field = record->fields; field->name; field++) {
        yyjson_mut_obj_add_val(doc, properties, field->name, schema_of_field(doc, field));
        if (!field->optional) yyjson_mut_arr_add_str(doc, required, field->name);
    }
    return schema;
}

static string schema_of_route(const sg_route *route) {
    yyjson_mut_doc *doc = allocated(yyjson_mut_doc_new(NULL));
    yyjson_mut_val *schema = schema_of_type(doc, SG_OBJECT, false);
    yyjson_mut_obj_add_str(doc, schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    yyjson_mut_obj_add_str(doc, schema, "title", route->title);
    yyjson_mut_doc_set_root(doc, schema_of_record(doc, route->record, schema));
    size_t length;
    char *json = allocated(yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &length));
    yyjson_mut_doc_free(doc);
    return (string){(uint8_t *)json, length};
}

static void add_texts(plugin_list_string_t *to, const char *const *texts) {
    for (; texts && *texts; texts++) *PUSH(to) = text(*texts);
}

// The first field with a regular expression that is none.
static const sg_field *wrong_pattern(const sg_record *record) {
    for (const sg_field *field = record->fields; field->name; field++) {
        if (field->pattern && compile(field)->wrong) return field;
        const sg_field *inner = field->record ? wrong_pattern(field->record) : NULL;
        if (inner) return inner;
    }
    return NULL;
}

bool exports_sluicegate_plugin_descriptor_describe(exports_sluicegate_plugin_descriptor_manifest_t *manifest,
                                                   plugin_string_t *error) {
    *manifest = (sluicegate_plugin_types_manifest_t){
        .name = text(SG_PLUGIN.name), .version = text(SG_PLUGIN.version), .description = text(SG_PLUGIN.description)};
    add_texts(&manifest->request_headers, SG_PLUGIN.request_headers);
    for (const sg_instrument *const *each = SG_PLUGIN.instruments; each && *each; each++) {
        static const uint8_t kinds[] = {SLUICEGATE_PLUGIN_TYPES_INSTRUMENT_KIND_COUNTER,
                                        SLUICEGATE_PLUGIN_TYPES_INSTRUMENT_KIND_HISTOGRAM,
                                        SLUICEGATE_PLUGIN_TYPES_INSTRUMENT_KIND_GAUGE};
        sluicegate_plugin_types_instrument_t *new = PUSH(&manifest->instruments);
        new->name = text((*each)->name);
        new->kind.tag = kinds[(*each)->kind];
        new->unit = text((*each)->unit);
        new->description = text((*each)->description);
        new->counts = SLUICEGATE_PLUGIN_TYPES_COUNTED_ACCEPTED;
        add_texts(&new->attributes, (*each)->attributes);
    }
    for (const sg_route *const *each = SG_PLUGIN.routes; *each; each++) {
        const sg_route *route = *each;
        const sg_field *wrong = wrong_pattern(route->record);
        if (wrong) {
            *error = join("the pattern of ", wrong->name, " is no regular expression");
            return false;
        }
        sluicegate_plugin_types_route_t *new = PUSH(&manifest->routes);
        new->path = text(route->path);
        new->title = text(route->title);
        new->summary = text(route->summary);
        new->id_field = text(route->id_field);
        new->schema = schema_of_route(route);
        add_texts(&new->topics, route->topics);
        for (const sg_example *example = route->examples; example && example->name; example++) {
            sluicegate_plugin_types_example_t *shown = PUSH(&new->examples);
            shown->name = text(example->name);
            shown->item.body.val.text = text(example->body);
            if (example->codes) {
                shown->expect.tag = SLUICEGATE_PLUGIN_TYPES_EXPECTATION_REJECT;
                add_texts(&shown->expect.val.reject, example->codes);
            }
        }
    }
    fflush(stdout);
    return true;
}
