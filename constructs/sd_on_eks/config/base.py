"""The base class of all configuration models."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ConfigModel(BaseModel):
    """A mapping of known keys. It rejects unknown keys, never converts a value, and is frozen after loading.

    A field's docstring is its description in config.schema.json and docs/configuration.md: first what the key is, then
    the reason for its default.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
    )
