// What a plugin is made of: its record type with the rules, what it measures, its routes.

#ifndef SLUICEGATE_H
#define SLUICEGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A text in UTF-8. A zero follows it, and one may be inside. `start` is NULL if there is none.
typedef struct {
    const char *start;
    size_t length;
} sg_text;

// The elements of a list: `((const item *)list.elements)[i]`.
typedef struct {
    const void *elements;
    size_t length;
} sg_list;

typedef enum { SG_TEXT, SG_NUMBER, SG_WHOLE, SG_BOOLEAN, SG_LIST, SG_OBJECT } sg_kind;

typedef struct sg_record sg_record;

typedef struct {
    const char *name;
    sg_kind kind;
    size_t offset;
    const sg_record *record; // of an object, and of a list's elements; NULL: they are texts
    bool optional;
    size_t given; // one more than the offset of a bool that tells whether the field was there
    const char *doc;
    const size_t *min_length, *max_length; // of a text in characters, of a list in elements
    const double *above, *min, *below, *max;
    const char *pattern;
    const char *const *choices;
} sg_field;

struct sg_record {
    size_t size;
    const sg_field *fields; // the last has no name
};

// A record type, by the C struct that it is read into.
#define RECORD(type, ...) {sizeof(type), (const sg_field[]){__VA_ARGS__, {0}}}
#define SG_FIELD(type, member, kind_, ...) \
    {.name = #member, .kind = kind_, .offset = offsetof(type, member) __VA_OPT__(,) __VA_ARGS__}
#define TEXT(type, member, ...) SG_FIELD(type, member, SG_TEXT __VA_OPT__(,) __VA_ARGS__)       // sg_text
#define NUMBER(type, member, ...) SG_FIELD(type, member, SG_NUMBER __VA_OPT__(,) __VA_ARGS__)   // double
#define WHOLE(type, member, ...) SG_FIELD(type, member, SG_WHOLE __VA_OPT__(,) __VA_ARGS__)     // int64_t
#define BOOLEAN(type, member, ...) SG_FIELD(type, member, SG_BOOLEAN __VA_OPT__(,) __VA_ARGS__) // bool
// sg_list. `record_`: of an element; NULL: the elements are sg_text.
#define LIST(type, member, record_, ...) \
    SG_FIELD(type, member, SG_LIST, .record = record_ __VA_OPT__(,) __VA_ARGS__)
#define OBJECT(type, member, record_, ...) \
    SG_FIELD(type, member, SG_OBJECT, .record = record_ __VA_OPT__(,) __VA_ARGS__)

// The rules of a field.
#define OPTIONAL .optional = true
// Optional, and a bool of the struct tells whether it was there: for what is no text.
#define OPTIONAL_AS(type, member) .optional = true, .given = 1 + offsetof(type, member)
#define DOC(text) .doc = text
#define MIN_LENGTH(n) .min_length = &(const size_t){n}
#define MAX_LENGTH(n) .max_length = &(const size_t){n}
#define ABOVE(x) .above = &(const double){x}
#define AT_LEAST(x) .min = &(const double){x}
#define BELOW(x) .below = &(const double){x}
#define AT_MOST(x) .max = &(const double){x}
// A regular expression of POSIX (extended), which for what most patterns need is that of JSON Schema.
#define PATTERN(text) .pattern = text
#define ONE_OF(...) .choices = TEXTS(__VA_ARGS__)

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

typedef struct {
    const char *name;
    enum { SG_COUNTER, SG_HISTOGRAM, SG_GAUGE } kind;
    const char *unit, *description;
    const char *const *attributes;
} sg_instrument;

#define COUNTER(name, unit, description, ...) {name, SG_COUNTER, unit, description, TEXTS(__VA_ARGS__)}
#define HISTOGRAM(name, unit, description, ...) {name, SG_HISTOGRAM, unit, description, TEXTS(__VA_ARGS__)}
#define GAUGE(name, unit, description, ...) {name, SG_GAUGE, unit, description, TEXTS(__VA_ARGS__)}

typedef struct {
    const char *name, *body;
    const char *const *codes; // NULL: it is accepted
} sg_example;

#define EXAMPLES(...) ((const sg_example[]){__VA_ARGS__, {0}})
#define ACCEPTED(name, body) {name, body, NULL}
#define REJECTED(name, body, ...) {name, body, TEXTS(__VA_ARGS__)}
#define JSON(...) #__VA_ARGS__

// What is to become of a record, and what is known of it beside itself.
typedef struct sg_out sg_out;

typedef struct {
    const char *path, *title, *summary, *id_field;
    const char *const *topics; // the usual one first
    const sg_record *record;
    void (*judge)(const void *record, sg_out *out);
    const sg_example *examples;
} sg_route;

typedef struct {
    const char *name, *version, *description;
    const sg_route *const *routes;
    const sg_instrument *const *instruments;
    const char *const *request_headers; // those that the plugin wants to see, in lower case
} sg_plugin;

// Every plugin defines this one.
extern const sg_plugin SG_PLUGIN;

static inline sg_text sg_of(const char *text) { return (sg_text){text, __builtin_strlen(text)}; }

static inline bool sg_is(sg_text text, const char *other) {
    return text.start && text.length == __builtin_strlen(other) && !__builtin_memcmp(text.start, other, text.length);
}

// All texts are copied. A record about which nothing is said is accepted as it came.
void sg_id(sg_out *out, sg_text id);
void sg_key(sg_out *out, sg_text key);
void sg_topic(sg_out *out, uint32_t topic);              // by its index in the route's topics
void sg_timestamp(sg_out *out, int64_t milliseconds);    // since 1970, UTC
void sg_header(sg_out *out, const char *name, sg_text value);
void sg_replace(sg_out *out, sg_text value);             // published in place of the record
void sg_reject(sg_out *out, const char *pointer, const char *code, const char *message);
void sg_warn(sg_out *out, const char *pointer, const char *code, const char *message);
void sg_discard(sg_out *out, const char *why);           // valid, but not to be published
void sg_fail(sg_out *out, const char *why);              // could not be judged: set aside for the operator

// Feeds an instrument; the attributes are sg_text, in the instrument's order, and one without `start` is left out.
#define sg_measure(out, instrument, value, ...) \
    sg_measure_all(out, instrument, value, sizeof((sg_text[]){__VA_ARGS__}) / sizeof(sg_text), (sg_text[]){__VA_ARGS__})
void sg_measure_all(sg_out *out, const sg_instrument *instrument, double value, size_t n, const sg_text *attributes);

uint64_t sg_received_at(const sg_out *out); // milliseconds since 1970, UTC; there is no other clock
sg_text sg_request_header(const sg_out *out, const char *name);
sg_text sg_parameter(const sg_out *out, const char *name); // of the route's path
sg_text sg_attribute(const sg_out *out, const char *name); // what came beside the record: a CloudEvents attribute

#endif
