#include "text.h"
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void append(struct text *text, const char *bytes, size_t length)
{
	if (text->length + length > text->room) {
		text->room = (text->length + length) * 2;
		text->bytes = realloc(text->bytes, text->room);
		if (!text->bytes)
			err(1, "cannot hold %zu bytes", text->room);
	}
	memcpy(text->bytes + text->length, bytes, length);
	text->length += length;
}

void append_string(struct text *text, const char *string)
{
	append(text, string, strlen(string));
}

void append_json(struct text *text, const char *bytes, size_t length)
{
	append_string(text, "\"");
	for (size_t at = 0; at < length; at++) {
		unsigned char byte = bytes[at];
		char escape[8] = {byte, 0};
		if (byte == '"' || byte == '\\')
			snprintf(escape, sizeof escape, "\\%c", byte);
		else if (byte < ' ')
			snprintf(escape, sizeof escape, "\\u%04x", byte);
		append(text, escape, byte ? strlen(escape) : 6);
	}
	append_string(text, "\"");
}

int is_utf8(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
	while (at < end) {
		int more = *at < 0x80 ? 0 : *at < 0xc2 ? -1 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : *at < 0xf5 ? 3 : -1;
		if (more < 0 || end - at <= more)
			return 0;
		if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
		    (*at == 0xf4 && at[1] > 0x8f))
			return 0;
		for (at++; more > 0; more--, at++)
			if ((*at & 0xc0) != 0x80)
				return 0;
	}
	return 1;
}

/** Behind the string that begins at `at`; `end` when it has no end. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at) && *at)
		at++;
	return at;
}

int find_member(const char *json, size_t length, const char *name, char *value, size_t room)
{
	const char *at = json, *end = json + length;
	size_t name_length = strlen(name);
	int depth = 0, found = 0;
	while (at < end) {
		if (*at == '"') {
			const char *string = at + 1;
			at = skip_string(at, end);
			const char *next = skip_space(at, end);
			if (depth != 1 || next >= end || *next != ':' || (size_t)(at - string) != name_length + 1 ||
			    memcmp(string, name, name_length) != 0)
				continue;
			at = skip_space(next + 1, end);
			found = 0; // of two of one name the last counts, as in the daemon
			if (at >= end || *at != '"')
				continue;
			string = at + 1;
			at = skip_string(at, end);
			size_t found_length = at - string - 1;
			if (found_length < room && !memchr(string, '\\', found_length)) {
				memcpy(value, string, found_length);
				value[found_length] = '\0';
				found = 1;
			}
		} else {
			depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
			at++;
		}
	}
	return found;
}
