"""The code of a new model, as a person would have written it."""

import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from framework.scaffold.features import Feature
from framework.scaffold.naming import singular, type_name
from framework.scaffold.question import Question
from framework.scaffold.sample import samples

LINE_LENGTH = 100
_TEMPLATES = Path(__file__).parent / "templates"
_INDENT = 4
# Names that the code or its contract uses already.
_TAKEN = {"Any", "Annotated", "BaseModel", "ConfigDict", "Field", "Literal", "Number", "Steps"}


@dataclass(frozen=True)
class Draft:
    """What is known of a model before its code is written.

    Attributes:
        name: Its name.
        rows: What requests call their records.
        source: What the file is called that it was made from.
        record: Name of the record's type.
        answer: Name of the answer's type.
        features: Fields of a record.
        question: What is to be told.
    """

    name: str
    rows: str
    source: str
    record: str
    answer: str
    features: Sequence[Feature]
    question: Question

    @property
    def texts(self) -> list[Feature]:
        """The fields that are texts to read."""
        return [feature for feature in self.features if feature.kind == "text"]


def type_names(name: str, rows: str, taken: Collection[str]) -> tuple[str, str]:
    """Returns names for the types of a record and of an answer.

    Args:
        name: Name of the model.
        rows: What requests call their records.
        taken: Names that mean something else where the types are used.
    """
    title = type_name(name)
    record = f"{title}Record" if rows == "records" else type_name(singular(rows))
    if record in {*_TAKEN, *taken}:
        record = f"{title}{record}"
    return record, f"{title}Prediction"


def module_code(draft: Draft, root: Path) -> str:
    """Returns the code of the model's module."""
    question, texts = draft.question, draft.texts
    numbers = any(feature.kind == "float" for feature in draft.features)
    categories = any(feature.kind == "category" for feature in draft.features)
    typing = {"Annotated": numbers, "Any": bool(texts), "Literal": categories}
    code = (
        _environment()
        .get_template("model.py.jinja")
        .render(
            **vars(draft),
            texts=texts,
            summary=_summary(question),
            one=singular(draft.rows).replace("_", " "),
            origin=_origin(draft),
            typing=[name for name, used in typing.items() if used],
            aliased=any(feature.name != feature.column for feature in draft.features),
            numbers=numbers,
            recipe="Pipeline" if texts else "LightGBM",
            target=_literal(
                question.targets[0] if len(question.targets) == 1 else question.targets
            ),
            task_arguments=_task_arguments(question),
            positive=_positive(question),
            samples=samples(draft.features),
            **(_pipeline(draft) if texts else {}),
        )
    )
    return formatted(code, root)


def methods_code(
    name: str, rows: str, record: str, answer: str, explanation: str, root: Path
) -> str:
    """Returns the code of the service's methods, as it stands in the class.

    Args:
        name: Name of the model.
        rows: What requests call their records.
        record: Name of the record's type.
        answer: Name of the answer's type.
        explanation: Name of the explanation's type, if the model has one.
        root: The folder whose settings say how code is formatted.
    """
    template = _environment().get_template("methods.py.jinja")
    code = template.render(
        name=name, rows=rows, record=record, answer=answer, explanation=explanation
    )
    # ruff keeps two empty lines between functions, one between methods.
    lines = formatted(code, root, LINE_LENGTH - _INDENT).replace("\n\n\n", "\n\n").splitlines()
    return "".join(f"{' ' * _INDENT if line else ''}{line}\n" for line in lines)


def formatted(code: str, root: Path, line_length: int = LINE_LENGTH) -> str:
    """Returns code as ruff formats it; as it is where ruff is not installed."""
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        return code
    ran = subprocess.run(  # noqa: S603 - our own tool on our own code
        [ruff, "format", "--line-length", str(line_length), "--stdin-filename", "model.py", "-"],
        cwd=root,
        input=code,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def _summary(question: Question) -> str:
    name = question.names[0].strip("_").replace("_", " ")
    return {
        "Binary": f"Predicts {name}: yes or no.",
        "Multiclass": f"Predicts {name}: one of {len(question.labels)} classes.",
        "Regression": f"Predicts {name}: a number.",
        "MultiOutput": f"Predicts {len(question.names)} numbers at once.",
    }[question.task]


def _positive(question: Question) -> str:
    """Returns what the probability is that of, if there is one of two values."""
    label = question.labels[1] if len(question.labels) == 2 else ""
    return f"Probability that {question.names[0]} is {label}."


def _origin(draft: Draft) -> str:
    how = "TF-IDF and a linear model" if draft.texts else "LightGBM"
    columns = "1 column" if len(draft.features) == 1 else f"{len(draft.features)} columns"
    return f"{how} on {columns} of a table."


def _task_arguments(question: Question) -> str:
    if question.task != "Binary" or question.labels == (0, 1):
        return ""
    classes = tuple(str(label) for label in question.labels)
    return f"classes={_literal(classes)}, labels={_literal(question.labels)}"


def _pipeline(draft: Draft) -> dict[str, Any]:
    """Returns what the template needs to know of a pipeline for texts and what is beside them."""
    ordered = [*(one for one in draft.features if one.kind != "text"), *draft.texts]
    classifies = draft.question.task in ("Binary", "Multiclass")
    linear = "LogisticRegression" if classifies else "Ridge"
    imports = {
        "sklearn.feature_extraction.text": {"TfidfVectorizer"},
        "sklearn.linear_model": {linear},
        "sklearn.pipeline": {"Pipeline as Steps"},
    }
    transformers: list[tuple[str, str, Any]] = []
    numbers = [at for at, one in enumerate(ordered) if one.kind not in ("text", "category")]
    categories = [at for at, one in enumerate(ordered) if one.kind == "category"]
    if numbers:
        scaler = "StandardScaler()"
        imports["sklearn.preprocessing"] = {"StandardScaler"}
        if any(ordered[at].nullable for at in numbers):
            scaler = f'make_pipeline(SimpleImputer(strategy="median"), {scaler})'
            imports["sklearn.impute"] = {"SimpleImputer"}
            imports["sklearn.pipeline"].add("make_pipeline")
        transformers.append(("numbers", scaler, numbers))
    if categories:
        imports.setdefault("sklearn.preprocessing", set()).add("OneHotEncoder")
        transformers.append(("categories", 'OneHotEncoder(handle_unknown="ignore")', categories))
    for at, feature in enumerate(ordered):
        if feature.kind == "text":
            transformers.append((f"words_{feature.name}", "TfidfVectorizer(sublinear_tf=True)", at))
    alone = len(ordered) == 1
    if not alone:
        imports["sklearn.compose"] = {"ColumnTransformer"}
    return {
        "alone": alone,
        "transformers": transformers,
        # isort gives a renamed import a line of its own.
        "imports": [
            (module, names)
            for module, all_names in sorted(imports.items())
            for names in _lines_of_imports(sorted(all_names))
        ],
        "linear": 'LogisticRegression(class_weight="balanced", max_iter=1000)'
        if classifies
        else "Ridge()",
        "search": '{"linear__C": [0.3, 3.0, 30.0]}'
        if classifies
        else '{"linear__alpha": [0.1, 1.0, 10.0]}',
    }


def _lines_of_imports(names: Sequence[str]) -> list[list[str]]:
    renamed = [[name] for name in names if " as " in name]
    plain = [name for name in names if " as " not in name]
    return [*renamed, plain] if plain else renamed


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - writes Python, not HTML
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"annotation": _annotation, "literal": _literal, "rules": _rules}
    return environment


def _annotation(feature: Feature) -> str:
    kinds: Mapping[str, str] = {"float": "Number", "text": "str"}
    kind = kinds.get(feature.kind, feature.kind)
    if feature.kind == "category":
        kind = f"Literal[{', '.join(map(_literal, feature.categories))}]"
    return f"{kind} | None" if feature.nullable else kind


def _rules(feature: Feature) -> str:
    rules = ["default=None"] if feature.nullable else []
    rules += [f"{name}={value:_}" for name, value in feature.limits.items()]
    rules.append(f"description={_literal(feature.column)}")
    if feature.name != feature.column:
        spelling = f"AliasChoices({_literal(feature.name)}, {_literal(feature.column)})"
        rules.append(f"validation_alias={spelling}")
    return ", ".join(rules)


def _literal(value: Any) -> str:
    """Returns a value as Python spells it; letters that look like others are escaped."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))})"
    if not isinstance(value, str):
        return repr(value)
    quoted = repr(value) if all(map(_is_plain, value)) else ascii(value)
    # Double quotes, like all of the code.
    return f'"{quoted[1:-1]}"' if quoted[0] == "'" and '"' not in quoted else quoted


def _is_plain(letter: str) -> bool:
    return letter.isascii() or letter in "°²³€" or unicodedata.name(letter, "").startswith("LATIN")
