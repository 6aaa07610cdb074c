"""References in the values of a template."""

from collections.abc import Iterator


def references(value: object) -> Iterator[str]:
    """Logical IDs in a value, at any depth."""
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case dict():
            for part in value.values():
                yield from references(part)
        case list():
            for part in value:
                yield from references(part)
