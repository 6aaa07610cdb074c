"""Names of the objects in the output bucket.

    [<prefix>/]<id>/<id>-<tag>-<n>.<ext>   an output; the tag is 4 hex digits of the claim that made it
    [<prefix>/]<id>/<id>-<tag>.out         the whole answer of the runtime, as JSON
    payloads/<owner>/<sha256>              a request body too large for a message
    parked/<queue>/<message id>            a message that no agent can handle

The tag belongs to one claim: an agent that was fenced off can never overwrite what the winner stored.
"""

from typing import Final

from task_record.identifiers import RESERVED_PREFIXES, safe_prefix, safe_task_id

TAG_HEX_DIGITS: Final = 4
TAGS_OF_A_CLAIM: Final = 8
"""How many tags a claim (32 hex digits) has; the next one is drawn where a name is taken already."""


def task_folder(task_id: str, prefix: str | None) -> str:
    """Key prefix of everything that a task leaves, with the slash at its end.

    Args:
        task_id: as its caller gave it; what is not safe in a key is encoded.
        prefix: as above.
    """
    segment = safe_task_id(task_id)
    if prefix:
        return f"{safe_prefix(prefix).strip('/')}/{segment}/"
    # Results are never stored where the product keeps what it deletes after a while.
    return f"%{ord(segment[0]):02X}{segment[1:]}/" if segment in RESERVED_PREFIXES else f"{segment}/"


def claim_tag(claim_id: str, draw: int = 0) -> str:
    """Tag of a claim.

    Args:
        claim_id: a UUID.
        draw: 0 for the first tag, up to `TAGS_OF_A_CLAIM` - 1.
    """
    digits = claim_id.replace("-", "")
    return digits[draw * TAG_HEX_DIGITS : (draw + 1) * TAG_HEX_DIGITS]


def output_key(folder: str, task_id: str, tag: str, number: int, extension: str) -> str:
    """Key of the output with this number, from 0."""
    return f"{folder}{task_id}-{tag}-{number}.{extension}"


def answer_key(folder: str, task_id: str, tag: str) -> str:
    """Key of the runtime's whole answer."""
    return f"{folder}{task_id}-{tag}.out"


def payload_key(owner: str, sha256_hex: str) -> str:
    """Key of a request body that is too large for a message."""
    return f"payloads/{owner}/{sha256_hex}"


def parked_key(queue_name: str, message_id: str) -> str:
    """Key of a message that no agent can handle."""
    return f"parked/{queue_name}/{message_id}"
