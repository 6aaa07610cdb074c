"""Environment variables that the stack sets in the containers of a runtime's pod.

The pod's manifest sets them, the agent and the start scripts of the inference servers read them, and a configuration
must not override them.
"""

from enum import StrEnum


class AgentVariable(StrEnum):
    """Variables of the queue agent; those of the task protocol's times are in `protocol_times`."""

    SQS_QUEUE_URL = "SQS_QUEUE_URL"
    TASK_TABLE_NAME = "TASK_TABLE_NAME"
    S3_BUCKET = "S3_BUCKET"
    INPUT_BUCKETS = "INPUT_BUCKETS"
    MAX_INPUT_MB = "MAX_INPUT_MB"
    RUNTIME_TYPE = "RUNTIME_TYPE"
    RUNTIME_NAME = "RUNTIME_NAME"
    MODEL_FILENAME = "MODEL_FILENAME"
    DYNAMIC_MODEL = "DYNAMIC_MODEL"
    API_BASE_URL = "API_BASE_URL"
    LONGEST_TASK_S = "LONGEST_TASK_S"
    DRAIN_S = "DRAIN_S"
    SPOT_ALLOWED = "SPOT_ALLOWED"
    READY_MARKER = "READY_MARKER"
    RUNTIME_HUNG_MARKER = "RUNTIME_HUNG_MARKER"
    FINISHED_FILES = "FINISHED_FILES"
    RUNTIME_STOPS_ON_SIGNAL = "RUNTIME_STOPS_ON_SIGNAL"
    METRICS_NAMESPACE = "METRICS_NAMESPACE"
    METRICS_LOG_GROUP = "METRICS_LOG_GROUP"
    """An empty value disables the agents' metrics."""


class ServerVariable(StrEnum):
    """Variables of the inference server's container."""

    PORT = "PORT"
    MODELS_DIR = "MODELS_DIR"
    SCRATCH_DIR = "SCRATCH_DIR"
    MODEL_FILENAME = "MODEL_FILENAME"
    IMAGE_METADATA = "IMAGE_METADATA"
