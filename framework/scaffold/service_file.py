"""A model's part of service.py: put in and taken out by place, the rest as it stands."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from framework.scaffold.errors import ScaffoldError

LINE_LENGTH = 100
FIRST_PARTY = ("framework", "models", "serving")


@dataclass(frozen=True)
class Part:
    """A model's part of the service.

    Attributes:
        name: Name of the model.
        types: Types that its methods name.
        methods: Code of the methods, indented.
    """

    name: str
    types: Sequence[str]
    methods: str


def names_in(text: str) -> set[str]:
    """Returns the names that mean something in the module."""
    bound = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            bound |= {one.id for one in node.targets if isinstance(one, ast.Name)}
    return bound


def serves(text: str, name: str) -> bool:
    """Returns whether the service has a method for a model."""
    return any(_methods(text, name))


def with_model(text: str, part: Part) -> str:
    """Returns the service with a model: its imports, its selection and its methods.

    Raises:
        ScaffoldError: The service has no place for it.
    """
    text = _with_import(text, "models", [part.name])
    text = _with_import(text, f"models.{part.name}", part.types)
    text = _with_import(text, "serving", ["BATCHED"])
    text = _selecting(text, lambda models: [*models, f"{part.name}.MODEL"])
    lines = text.splitlines(keepends=True)
    end = _service_class(text).end_lineno or 0
    return "".join([*lines[:end], "\n", part.methods, *lines[end:]])


def without_model(text: str, name: str) -> str:
    """Returns the service without a model, and without imports that only it needed."""
    before = _unused(text)
    lines = text.splitlines(keepends=True)
    for start, end in reversed(list(_methods(text, name))):
        first = start
        while lines[first - 1].lstrip().startswith("#"):
            first -= 1
        # With the empty line before it.
        del lines[first - (not lines[first - 1].strip()) : end]
    text = "".join(lines)
    own = _names_from(text, name)
    text = _selecting(text, lambda models: [one for one in models if not _names(one) & own])
    for statement in reversed(_imports(text)):
        if statement.module == f"models.{name}" or f"{statement.module}.".startswith(
            f"models.{name}."
        ):
            text = _importing(text, statement, [])
        elif statement.module == "models":
            left = [one for one in _imported(statement) if one != name]
            text = _importing(text, statement, left)
    for statement in reversed(_imports(text)):
        needless = _unused(text) - before
        left = [one for one in _imported(statement) if one not in needless]
        text = _importing(text, statement, left)
    return text


def _with_import(text: str, module: str, names: Sequence[str]) -> str:
    for statement in _imports(text):
        if statement.module == module:
            there = _imported(statement)
            if set(names) <= set(there):
                return text
            return _importing(text, statement, sorted({*there, *names}, key=_isort_key))
    lines = text.splitlines(keepends=True)
    own = [one for one in _imports(text) if (one.module or "").split(".")[0] in FIRST_PARTY]
    after = next((one for one in own if (one.module or "") > module), None)
    everything = [
        one for one in ast.parse(text).body if isinstance(one, ast.Import | ast.ImportFrom)
    ]
    if not everything:
        raise ScaffoldError("service.py imports nothing: it is no service to add a model to.")
    line = _listed(f"from {module} import ", sorted(names, key=_isort_key), "", magic=False) + "\n"
    if after:
        place = after.lineno - 1
    else:
        place = everything[-1].end_lineno or 0
        line = line if own else f"\n{line}"
    return "".join([*lines[:place], line, *lines[place:]])


def _importing(text: str, statement: ast.ImportFrom, names: Sequence[str]) -> str:
    """Returns the text with other names in an import statement; without it if there are none."""
    there = _imported(statement)
    if list(names) == there:
        return text
    lines = text.splitlines(keepends=True)
    start, end = statement.lineno - 1, statement.end_lineno or 0
    source = "".join(lines[start:end]).rstrip("\n")
    head = f"from {statement.module} import "
    magic = source != _listed(head, there, "", magic=False)
    new = [_listed(head, names, "", magic=magic) + "\n"] if names else []
    return "".join([*lines[:start], *new, *lines[end:]])


def _selecting(text: str, change: Callable[[list[str]], list[str]]) -> str:
    """Returns the text with other models in the call of `ServedModels.select`."""
    statement, call = _selection(text)
    lines = text.splitlines(keepends=True)
    start, end = statement.lineno - 1, statement.end_lineno or 0
    source = "".join(lines[start:end]).rstrip("\n")
    head = source[: source.index("(")]
    there = [ast.get_source_segment(text, one) or "" for one in call.args]
    wanted = change(list(there))
    if wanted == there:
        return text
    plain = _listed(head, there, "()", magic=False)
    if source not in (plain, _listed(head, there, "()", magic=True)):
        raise ScaffoldError(
            f"service.py, line {statement.lineno}: the models of ServedModels.select should stand "
            "on one line, or each on a line of its own, without comments between them."
        )
    new = _listed(head, wanted, "()", magic=source != plain) + "\n"
    return "".join([*lines[:start], new, *lines[end:]])


def _listed(head: str, items: Sequence[str], brackets: str, *, magic: bool) -> str:
    """Returns a call or an import with its items, laid out as ruff does.

    Args:
        head: What stands before the items and their brackets.
        items: The items.
        brackets: `()` where they stand around the items even on one line.
        magic: Whether a comma after the last item keeps each on a line of its own.
    """
    joined = ", ".join(items)
    one_line = f"{head}{brackets[:1]}{joined}{brackets[1:]}"
    if not items or (not magic and len(one_line) <= LINE_LENGTH):
        return one_line
    if not magic and brackets and len(joined) + 4 <= LINE_LENGTH:
        return f"{head}(\n    {joined}\n)"
    return f"{head}(\n" + "".join(f"    {item},\n" for item in items) + ")"


def _selection(text: str) -> tuple[ast.stmt, ast.Call]:
    for statement in ast.parse(text).body:
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "ServedModels.select":
            return statement, value
    raise ScaffoldError(
        "service.py has no statement `MODELS = ServedModels.select(…)` to name the model in."
    )


def _service_class(text: str) -> ast.ClassDef:
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and any(
            "bentoml.service" in ast.unparse(one) for one in node.decorator_list
        ):
            return node
    raise ScaffoldError("service.py has no class under @bentoml.service to add a method to.")


def _methods(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Yields first and last line (counted from 0, the last exclusive) of a model's methods."""
    for node in _service_class(text).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            _route(one).startswith(f"/{name}/") for one in node.decorator_list
        ):
            yield node.decorator_list[0].lineno - 1, node.end_lineno or 0


def _route(decorator: ast.expr) -> str:
    for keyword in getattr(decorator, "keywords", []):
        if keyword.arg == "route" and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value)
    return ""


def _imports(text: str) -> list[ast.ImportFrom]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]


def _imported(statement: ast.ImportFrom) -> list[str]:
    return [ast.unparse(alias) for alias in statement.names]


def _names_from(text: str, name: str) -> set[str]:
    """Returns the names that stand for a model's module or for parts of it."""
    found = {name}
    for statement in _imports(text):
        if f"{statement.module}.".startswith(f"models.{name}."):
            found |= {alias.asname or alias.name for alias in statement.names}
    return found


def _names(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _unused(text: str) -> set[str]:
    """Returns the imports from our own packages that nothing uses."""
    used = _names(text)
    return {
        one
        for statement in _imports(text)
        if (statement.module or "").split(".")[0] in FIRST_PARTY
        for one in _imported(statement)
        if one.rpartition(" ")[2] not in used
    }


def _isort_key(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name
