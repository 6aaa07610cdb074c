"""Removes repetition from generated code: every cold start compiles all of it, and every request runs it.

fastjsonschema checks the type of a value before each rule, and has a `raise` for each rule. Here the type is checked
once, and consecutive rules that raise the same error become one condition.
"""

import ast
import re

_TYPE_CHECK = re.compile(r"not isinstance\((?P<value>\w+), (?P<types>\(?[\w, ]+\)?)\)")


def shortened(block: list[ast.stmt]) -> list[ast.stmt]:
    """Equivalent statements in fewer lines."""
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
                if _merged_into_last(short, statement):
                    continue
        for name, inner in ast.iter_fields(statement):
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                setattr(statement, name, shortened(inner))
        short.append(statement)
    return short


def _certain_after(statement: ast.If) -> set[str]:
    """Conditions that hold after this statement if it did not raise."""
    found = _TYPE_CHECK.match(ast.unparse(statement.test))
    if found is None or "NoneType" in found["types"] or not isinstance(statement.body[0], ast.Raise):
        return set()
    value, types = found["value"], found["types"]
    is_number = f"isinstance({value}, (int, float)) and (not isinstance({value}, bool))"
    return {f"isinstance({value}, {types})", *([is_number] if "int" in types else [])}


def _merged_into_last(before: list[ast.stmt], statement: ast.If) -> bool:
    """Merge the condition into the last statement if both raise the same error; returns whether it was merged."""
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
