"""Generated code without what it repeats: a cold start compiles all of it, and every request runs it.

fastjsonschema checks the type of a value before each rule, and raises for each rule alone. Here the type is checked
once, and rules that are answered alike are one condition.
"""

import ast
import re

_TYPE_CHECK = re.compile(r"not isinstance\((?P<value>\w+), (?P<types>\(?[\w, ]+\)?)\)")


def shortened(block: list[ast.stmt]) -> list[ast.stmt]:
    """The same statements, in fewer lines."""
    short: list[ast.stmt] = []
    certain: set[str] = set()
    waiting = block[::-1]
    while waiting:
        statement = waiting.pop()
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.unparse(value) in certain:
                certain.add(name)
                continue
            case ast.If(test=test, body=body, orelse=[]) if ast.unparse(test) in certain:
                waiting += body[::-1]
                continue
            case ast.If():
                certain |= _certain_after(statement)
                if _is_answered_like(short, statement):
                    continue
        for name, inner in ast.iter_fields(statement):
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                setattr(statement, name, shortened(inner))
        short.append(statement)
    return short


def _certain_after(statement: ast.If) -> set[str]:
    """Conditions that hold where this one raised nothing."""
    found = _TYPE_CHECK.match(ast.unparse(statement.test))
    if found is None or "NoneType" in found["types"] or not isinstance(statement.body[0], ast.Raise):
        return set()
    value, types = found["value"], found["types"]
    is_number = f"isinstance({value}, (int, float)) and (not isinstance({value}, bool))"
    return {f"isinstance({value}, {types})", *([is_number] if "int" in types else [])}


def _is_answered_like(before: list[ast.stmt], statement: ast.If) -> bool:
    """Whether the condition before raises the same; it then takes this one in."""
    last = before[-1] if before else None
    if (
        not isinstance(last, ast.If)
        or last.orelse
        or statement.orelse
        or not isinstance(statement.body[0], ast.Raise)
        or ast.dump(ast.Module(last.body, [])) != ast.dump(ast.Module(statement.body, []))
    ):
        return False
    parts = last.test.values if isinstance(last.test, ast.BoolOp) and isinstance(last.test.op, ast.Or) else [last.test]
    last.test = ast.BoolOp(op=ast.Or(), values=[*parts, statement.test])
    return True
