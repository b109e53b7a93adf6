#pragma once
#include <stddef.h>

/** Bytes that grow. What does not fit into memory ends the program: it has done nothing yet. */
struct text {
	char *bytes;
	size_t length, room;
};

void append(struct text *text, const char *bytes, size_t length);
void append_string(struct text *text, const char *string);
/** Appends `bytes` as a JSON string with its quotes. They have to be UTF-8 for the result to be JSON. */
void append_json(struct text *text, const char *bytes, size_t length);
/** Whether `bytes` are UTF-8. Source: RFC 3629 */
int is_utf8(const char *bytes, size_t length);
/**
 * Copies the string member `name` of the object that `json` is, without escapes, into `value`; 0 when there is none, when
 * it has escapes or is longer than `room`. What else is in the object is passed over, not checked.
 */
int find_member(const char *json, size_t length, const char *name, char *value, size_t room);
