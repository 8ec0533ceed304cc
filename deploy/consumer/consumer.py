"""Reads what the gateway wrote to a topic, and continues each record's trace.

What a consumer of an at-least-once stream owes: it commits after its work, it drops what it has seen, and it hands
partitions back with their offsets committed.
"""

import argparse
import collections
import json
import os
import signal
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Ids remembered of a partition. A gateway sends a record again within its produce timeout or after a restart: long
# before that many others came.
SEEN_MAX = 100_000
# Records between two commits: what is done twice after a crash, at most.
COMMIT_EVERY = 500
POLL_SECONDS = 1.0


def main():
    arguments = parse_arguments()
    # The name of the service is a default: what is given to `create` would hold over the environment.
    os.environ.setdefault("OTEL_SERVICE_NAME", "sluicegate-consumer")
    provider = TracerProvider(resource=Resource.create())
    # Where to: OTEL_EXPORTER_OTLP_ENDPOINT, http://localhost:4318 without it.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    reader = Reader(arguments, provider.get_tracer("sluicegate.consumer"))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: reader.stop())
    try:
        reader.run()
    finally:
        # Sends the spans that wait.
        provider.shutdown()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", default="127.0.0.1:29092", help="HOST:PORT with commas between")
    parser.add_argument("--topic", default="raw_financial_transactions")
    parser.add_argument("--group", default="sluicegate-example")
    parser.add_argument("--max", type=int, default=None, metavar="RECORDS", help="end after so many, duplicates apart")
    return parser.parse_args()


def process(record, record_id):
    """Where the work is. What it raises ends the consumer, and the record is read again by the next one."""
    print(json.dumps({
        "partition": record.partition(),
        "offset": record.offset(),
        "record_id": record_id,
        "trace_id": format(trace.get_current_span().get_span_context().trace_id, "032x"),
        "value": record.value().decode("utf-8", "replace") if record.value() is not None else None,
    }), flush=True)


class Reader:
    def __init__(self, arguments, tracer):
        self.topic = arguments.topic
        self.group = arguments.group
        self.max = arguments.max
        self.tracer = tracer
        self.running = True
        self.done = 0
        self.uncommitted = 0
        # Of each partition that is ours: the ids of its latest records, the oldest first.
        self.seen = {}
        self.consumer = Consumer({
            "bootstrap.servers": arguments.brokers,
            "group.id": arguments.group,
            "auto.offset.reset": "earliest",
            # Both by hand: an offset is stored when its record is done, and committed with others.
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # Others keep their partitions while one moves.
            "partition.assignment.strategy": "cooperative-sticky",
        })

    def stop(self):
        self.running = False

    def run(self):
        self.consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
        try:
            while self.running and (self.max is None or self.done < self.max):
                record = self.consumer.poll(POLL_SECONDS)
                if record is None:
                    # Nothing comes at present: a good time.
                    self.commit()
                elif record.error():
                    self.complain(record.error())
                else:
                    self.take(record)
        finally:
            self.commit()
            # Leaves the group, so that another has the partitions at once.
            self.consumer.close()

    def take(self, record):
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers() or [] if value is not None}
        record_id = headers.get("sluicegate-record-id")
        if not self.is_known(record.partition(), record_id):
            self.trace(record, headers, record_id)
            self.remember(record.partition(), record_id)
            self.done += 1
        self.consumer.store_offsets(message=record)
        self.uncommitted += 1
        if self.uncommitted >= COMMIT_EVERY:
            self.commit()

    def trace(self, record, headers, record_id):
        attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": record.topic(),
            "messaging.destination.partition.id": str(record.partition()),
            "messaging.kafka.offset": record.offset(),
            "messaging.consumer.group.name": self.group,
        }
        if record_id is not None:
            attributes["messaging.message.id"] = record_id
        if record.value() is not None:
            attributes["messaging.message.body.size"] = len(record.value())
        # The parent is the gateway's span `send {topic}`, by `traceparent` and `tracestate`.
        parent = propagate.extract(headers)
        # An exception that leaves it is recorded and makes the span's status Error.
        with self.tracer.start_as_current_span(
            f"process {record.topic()}", context=parent, kind=trace.SpanKind.CONSUMER, attributes=attributes
        ):
            process(record, record_id)

    def is_known(self, partition, record_id):
        return record_id is not None and record_id in self.seen.get(partition, ())

    def remember(self, partition, record_id):
        if record_id is None:
            return
        seen = self.seen.setdefault(partition, collections.OrderedDict())
        seen[record_id] = None
        if len(seen) > SEEN_MAX:
            seen.popitem(last=False)

    def commit(self):
        if self.uncommitted == 0:
            return
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            # A rebalance was faster: who has the partition now reads these records again, and drops what it has seen.
            print(f"not committed: {error}", file=sys.stderr)
        self.uncommitted = 0

    def assigned(self, consumer, partitions):
        for partition in partitions:
            self.seen[partition.partition] = collections.OrderedDict()

    def revoked(self, consumer, partitions):
        # Before they go: the next owner begins where we ended.
        self.commit()
        self.forget(partitions)

    def lost(self, consumer, partitions):
        # Somebody else has them already: a commit would be refused.
        self.uncommitted = 0
        self.forget(partitions)

    def forget(self, partitions):
        for partition in partitions:
            self.seen.pop(partition.partition, None)

    def complain(self, error):
        if error.code() == KafkaError._PARTITION_EOF:
            return
        if error.fatal() or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise KafkaException(error)
        # The client connects again by itself.
        print(f"{error}", file=sys.stderr)


if __name__ == "__main__":
    main()
