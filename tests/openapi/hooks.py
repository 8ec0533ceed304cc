"""What schemathesis does not know by itself: a body with a record a line."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv", "text/plain")
def lines(context, value):
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")
