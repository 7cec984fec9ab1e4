"""The headers that stand beside a dead letter's own, as text in UTF-8."""

from enum import StrEnum
from typing import Self


class DlqHeader(StrEnum):
    """A header that the worker adds to a dead letter, or the replay tool to a replayed one."""

    description: str

    def __new__(cls, name: str, description: str) -> Self:
        """Make a member of its name and of what it says."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.description = description
        return member

    ORIGINAL_TOPIC = "dlq-original-topic", "Topic on which the record stood"
    ORIGINAL_PARTITION = "dlq-original-partition", "Partition of that topic"
    ORIGINAL_OFFSET = "dlq-original-offset", "Offset in that partition"
    ORIGINAL_TIMESTAMP = "dlq-original-timestamp", "Timestamp of the record, milliseconds since 1970"
    CONSUMER_GROUP = "dlq-consumer-group", "Consumer group of the worker"
    REASON = "dlq-reason", "Why: one of a closed list of words"
    ERROR_CLASS = "dlq-error-class", "What is wrong, as a stable short name to group by"
    ERROR_MESSAGE = "dlq-error-message", "What is wrong, for people; tells no values from the record"
    ATTEMPTS = "dlq-attempts", "How often the event was tried: 1, and one more with each replay"
    FIRST_FAILED_AT = "dlq-first-failed-at", "When it failed for the first time (RFC 3339)"
    FAILED_AT = "dlq-failed-at", "When (RFC 3339)"
    WORKER_VERSION = "dlq-worker-version", "Version of the worker"
    FINGERPRINT = (
        "dlq-fingerprint",
        "The same for dead letters that died of the same: hash of reason, class, type and field",
    )
    REPLAY_COUNT = "dlq-replay-count", "How often it was replayed before; 0 for never"
    REPLAY_ID = "dlq-replay-id", "Id of the run that replayed it last; missing where none has"
    TRUNCATED_SHA256 = "dlq-truncated-sha256", "SHA-256 of the whole value, where only its start is here"
    TRUNCATED_BYTES = "dlq-truncated-bytes", "Length of the whole value, where only its start is here"

    @property
    def is_always_there(self) -> bool:
        """Whether every dead letter has it."""
        return self not in (DlqHeader.REPLAY_ID, DlqHeader.TRUNCATED_SHA256, DlqHeader.TRUNCATED_BYTES)


DLQ_HEADER_PREFIX = "dlq-"
"""What the names above begin with; such headers of a producer's are not passed on."""
