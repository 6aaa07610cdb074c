"""The validator module: code that fastjsonschema generates, changed to raise the errors of the API.

https://horejsek.github.io/python-fastjsonschema/ is not needed at run time. The generated code raises an exception that
contains the whole schema. Each `raise` is replaced by one of `ApiError` with a message that is composed here, so that
the module stays small: every cold start compiles it.
"""

import ast
from pathlib import Path
from typing import Any, Final, cast

import fastjsonschema

from sd_on_eks.task_api.contract.schemas import CONTENTS, REFERENCE_PREFIX, Schema, schemas
from sd_on_eks.task_api.contract.sentences import must
from sd_on_eks.task_api.contract.shorter_code import shortened

VALIDATOR_FILE: Final = Path(__file__).parents[1] / "handler" / "request_schema.py"

ENTRY_POINTS: Final = ("TaskEnvelope", "SubmitV1alpha1", *CONTENTS.values(), "UploadRequest")
"""Schemas that the handler validates. The schemas that they refer to are included."""

_HEADER: Final = '''\
"""Validators of requests, one for each schema of the contract. Each returns nothing, or raises `ApiError`.

Generated from ../schemas by `make generate`: change a schema instead.

Arguments: the value, and its path in the body with a leading dot.
"""
# Rules of style and types are not for generated code:
# ruff: noqa: ANN401, B904, C405, C901, D103, E501, F841, N806, PLR0912, PLR0915, PLR2004, RUF021, RUF060, SIM102
# fmt: off
# mypy: ignore-errors

import re
from types import NoneType
from typing import Any

from .errors import ApiError
from .wrong_value import missing, unknown, wrong, wrong_choice

'''


def validator_text() -> str:
    """The content of the file."""
    module = ast.parse(fastjsonschema.compile_to_code(_root(), use_default=False, use_formats=False))
    patterns, functions = [], []
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef) and statement.name != "validate":
            functions.append(_Function().visit(statement))
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "REGEX_PATTERNS":
            patterns.append(statement)
    functions.sort(key=lambda function: str(function.name))
    parts = [ast.unparse(ast.fix_missing_locations(part)) for part in [*patterns, *functions]]
    return _HEADER + "\n\n".join(parts) + "\n"


def function_name(component: str) -> str:
    """Name of the function that validates a schema: `task_id` for `TaskId`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in component).lstrip("_")


def _root() -> Schema:
    references = {name: {"$ref": f"{REFERENCE_PREFIX}{name}"} for name in ENTRY_POINTS}
    return {"properties": references, "components": {"schemas": schemas()}}


_GENERATED_NAME: Final = "validate___components_schemas_"
_NAMES: Final = {f"{_GENERATED_NAME}{name.lower()}": function_name(name) for name in schemas()}
_LONGEST_KEY: Final = 60
"""Maximum number of characters of a caller's key in the path of an error."""


class _Function(ast.NodeTransformer):
    """Rewrites a generated function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.name = _NAMES[node.name]
        node.args = ast.arguments(
            posonlyargs=[],
            args=[_argument("data", "Any"), _argument("path", "str")],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        node.returns = _name("None")
        self.generic_visit(node)
        node.body = shortened([line for line in node.body if not isinstance(line, ast.Return)])
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        # The call for a schema that is referred to: validate___...(value, custom_formats, path).
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            called, (value, _, path) = node.value.func.id, node.value.args
            node.value = _call(_NAMES[called], value, _path(path))
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        given = {keyword.arg: keyword.value for keyword in cast("ast.Call", node.exc).keywords}
        rule, definition = ast.literal_eval(given["rule"]), ast.literal_eval(given["definition"])
        return ast.Raise(exc=_error(rule, definition, _path(given["name"]), given["value"]), cause=None)

    def visit_For(self, node: ast.For) -> ast.For:
        # In the caller's order instead of that of a set, so that always the first invalid entry is reported.
        if isinstance(node.iter, ast.Name) and node.iter.id.endswith("_keys"):
            node.iter = _name(node.iter.id.removesuffix("_keys"))
        self.generic_visit(node)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        node.type = _name("ApiError")
        self.generic_visit(node)
        return node

    def visit_Tuple(self, node: ast.Tuple) -> ast.Tuple:
        # The JSON reader returns neither decimals nor tuples.
        node.elts = [one for one in node.elts if ast.unparse(one) not in {"Decimal", "tuple"}]
        return node


def _error(rule: str, definition: Schema, path: ast.expr, value: ast.expr) -> ast.expr:
    if rule == "required":
        # A branch of an `if` has no types; the field that it requires is an object.
        fields = definition.get("properties", {})
        words = {name: must(fields.get(name, {"type": "object"})) for name in definition[rule]}
        return _call("missing", path, _literal(words), value)
    if rule == "additionalProperties":
        return _call("unknown", path, _literal(tuple(definition["properties"])), value)
    if rule == "enum" and all(isinstance(one, str) for one in definition[rule]):
        return _call("wrong_choice", path, _literal(must(definition)), value, _literal(tuple(definition[rule])))
    return _call("wrong", path, _literal(must(definition)), value)


def _path(node: ast.expr) -> ast.expr:
    """The path that generated code concatenates, as one f-string."""
    parts: list[ast.expr] = []
    for part in _operands(node):
        match part:
            case ast.Constant(value=str(text)):
                parts.append(ast.Constant(value=text))
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(template)))):  # "...{key}".format(**locals())
                formatted = cast("ast.JoinedStr", ast.parse(f"f{template!r}", mode="eval").body)
                parts += [_shortened(value) for value in formatted.values]
            case _:  # (name_prefix or "data")
                parts.append(_formatted(_name("path")))
    kept = [part for part in parts if not (isinstance(part, ast.Constant) and part.value == "")]
    return _name("path") if len(kept) == 1 else ast.JoinedStr(values=kept)


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_operands(node.left), *_operands(node.right)]
    return [node]


def _shortened(part: ast.expr) -> ast.expr:
    """Limit the length of a caller's key in the path; an index of a list stays as it is."""
    if isinstance(part, ast.FormattedValue) and ast.unparse(part.value).endswith("_key"):
        return _formatted(ast.parse(f"{ast.unparse(part.value)}[:{_LONGEST_KEY}]", mode="eval").body)
    return part


def _formatted(value: ast.expr) -> ast.expr:
    return ast.FormattedValue(value=value, conversion=-1)


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(func=_name(function), args=list(arguments), keywords=[])


def _literal(value: Any) -> ast.expr:  # noqa: ANN401 (any literal)
    return ast.parse(repr(value), mode="eval").body


def _name(name: str) -> ast.expr:
    return ast.Name(id=name, ctx=ast.Load())


def _argument(name: str, annotation: str) -> ast.arg:
    return ast.arg(arg=name, annotation=_name(annotation))
