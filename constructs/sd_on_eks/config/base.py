"""What all parts of the configuration have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ConfigModel(BaseModel):
    """A mapping of keys: unknown ones are refused, values are never converted, nothing changes after the load.

    A field's docstring is its description in the schema and in the reference page: first what it is, then why its
    default is what it is.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        use_attribute_docstrings=True,
    )
