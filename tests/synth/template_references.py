"""What a value of a template refers to."""

from collections.abc import Iterator


def references(value: object) -> Iterator[str]:
    """Logical ids that a value names, at any depth."""
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
