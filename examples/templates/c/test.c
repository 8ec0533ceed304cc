// Judges the records of records.ndjson and the plugin's examples on this machine, without WebAssembly.

#include "bindings/plugin.h"
#include "sluicegate/sluicegate.h"
#include "yyjson/yyjson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What the gateway gives a plugin beside the records.
void __wasm_import_sluicegate_plugin_logging_log(int32_t level, uint8_t *text, size_t length) {
    fprintf(stderr, "log %d: %.*s\n", level, (int)length, (char *)text);
}
void __wasm_import_sluicegate_plugin_config_get(uint8_t *key, size_t length, uint8_t *answer) {
    (void)key, (void)length;
    *answer = 0; // none
}

static bool is_code(const sluicegate_plugin_types_violation_t *found, const char *expected) {
    char line[1024];
    const char *code = strchr(expected, ' '); // "/pointer code", or a code alone
    int n = snprintf(line, sizeof line, "%.*s%s%.*s", code ? (int)found->pointer.len : 0, (char *)found->pointer.ptr,
                     code ? " " : "", (int)found->code.len, (char *)found->code.ptr);
    return n == (int)strlen(expected) && !memcmp(line, expected, strlen(expected));
}

// Whether a record is accepted (`expected` is NULL) or rejected with just these violations, in any order.
static bool judged(const char *name, const char *record, size_t length, yyjson_val *expected) {
    sluicegate_plugin_types_item_t *item = calloc(1, sizeof *item);
    item->body.val.text = (plugin_string_t){malloc(length + 1), length};
    memcpy(item->body.val.text.ptr, record, length);
    exports_sluicegate_plugin_rules_request_t request = {0};
    exports_sluicegate_plugin_rules_list_item_t items = {item, 1};
    exports_sluicegate_plugin_rules_judgement_t judgement;
    exports_sluicegate_plugin_rules_judge(&request, &items, &judgement);

    const sluicegate_plugin_types_verdict_t *verdict = judgement.verdicts.ptr;
    bool right = verdict->tag == SLUICEGATE_PLUGIN_TYPES_VERDICT_ACCEPT && !expected;
    if (verdict->tag == SLUICEGATE_PLUGIN_TYPES_VERDICT_REJECT && expected) {
        right = verdict->val.reject.len == yyjson_arr_size(expected);
        size_t index, max;
        yyjson_val *each;
        yyjson_arr_foreach(expected, index, max, each) {
            bool found = false;
            for (size_t i = 0; i < verdict->val.reject.len; i++) {
                found |= is_code(&verdict->val.reject.ptr[i], yyjson_get_str(each));
            }
            right &= found;
        }
    }
    if (!right) {
        printf("%s: verdict %d\n", name, verdict->tag);
        for (size_t i = 0; verdict->tag == SLUICEGATE_PLUGIN_TYPES_VERDICT_REJECT && i < verdict->val.reject.len; i++) {
            const sluicegate_plugin_types_violation_t *found = &verdict->val.reject.ptr[i];
            printf("    %.*s %.*s: %.*s\n", (int)found->pointer.len, found->pointer.ptr, (int)found->code.len,
                   found->code.ptr, (int)found->message.len, found->message.ptr);
        }
    }
    exports_sluicegate_plugin_rules_judgement_free(&judgement);
    return right;
}

int main(void) {
    int passed = 0, failed = 0;
    FILE *file = fopen("records.ndjson", "r");
    static char line[1 << 20];
    while (file && fgets(line, sizeof line, file)) {
        yyjson_doc *doc = yyjson_read(line, strlen(line), 0);
        yyjson_val *test = yyjson_doc_get_root(doc), *text = yyjson_obj_get(test, "text");
        size_t length = yyjson_get_len(text);
        char *record = text ? strdup(yyjson_get_str(text)) : yyjson_val_write(yyjson_obj_get(test, "record"), 0, &length);
        yyjson_val *reject = yyjson_obj_get(yyjson_obj_get(test, "expect"), "reject");
        *(judged(yyjson_get_str(yyjson_obj_get(test, "name")), record, length, reject) ? &passed : &failed) += 1;
        free(record);
        yyjson_doc_free(doc);
    }

    exports_sluicegate_plugin_descriptor_manifest_t manifest;
    plugin_string_t error;
    if (!exports_sluicegate_plugin_descriptor_describe(&manifest, &error)) {
        printf("describe: %.*s\n", (int)error.len, error.ptr);
        return 1;
    }
    for (const sg_example *example = SG_PLUGIN.routes[0]->examples; example && example->name; example++) {
        yyjson_mut_doc *codes = yyjson_mut_doc_new(NULL);
        yyjson_mut_val *array = yyjson_mut_arr(codes);
        for (const char *const *code = example->codes; code && *code; code++) yyjson_mut_arr_add_str(codes, array, *code);
        yyjson_doc *expected = yyjson_mut_val_imut_copy(array, NULL);
        yyjson_val *reject = example->codes ? yyjson_doc_get_root(expected) : NULL;
        *(judged(example->name, example->body, strlen(example->body), reject) ? &passed : &failed) += 1;
        yyjson_doc_free(expected);
        yyjson_mut_doc_free(codes);
    }
    exports_sluicegate_plugin_descriptor_manifest_free(&manifest);
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
