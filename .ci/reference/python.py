"""The page of ``import sampler``: the public names, from their docstrings."""

import inspect
import re
from typing import Any

from .text import head

INTRODUCTION = """\
The names of `import sampler`. It takes no time: the libraries behind a name are loaded when the name is first used.
How they are used together: [the notebook](../tutorial/notebook.ipynb) and [from Python](../guides/python.md). Every
example here is run by a test. Errors are subclasses of `sampler.SamplerError`."""
ORDER = [
    "run", "screen", "read_run", "merge", "read", "write", "evaluate", "relax", "identify", "select", "dedupe", "binding_energy",
    "thermochemistry", "get_potential", "calculator", "Clusters", "Composition", "MonomerLibrary", "RunResult", "ScreenResult",
    "SamplerError",
]  # fmt: skip
SECTIONS = re.compile(r"^(Args|Returns|Raises|Attributes|Yields|Example|Examples):$", re.M)


def page() -> str:
    import sampler

    left_out = set(sampler.__all__) - set(ORDER) - {"__version__"}
    if left_out:
        raise SystemExit(f".ci/reference/python.py: no place for {', '.join(sorted(left_out))}")
    lines = [*head("Python", "the docstrings of the names of `sampler`"), INTRODUCTION, ""]
    for name in ORDER:
        found = sampler._found(name)
        lines += [
            f"## {name}",
            "",
            "```python",
            _signature(name, found),
            "```",
            "",
            _markdown(inspect.getdoc(found) or ""),
            "",
        ]
        if inspect.isclass(found) and not issubclass(found, Exception):
            lines += _members(found)
    return "\n".join(lines)


def _signature(name: str, found: Any) -> str:
    if inspect.isclass(found):
        return f"class sampler.{name}"
    parameters = []
    star = False
    for p in inspect.signature(found).parameters.values():
        if p.kind is p.KEYWORD_ONLY and not star:
            parameters.append("*")
            star = True
        shown = "…" if callable(p.default) else repr(p.default)
        default = "" if p.default is p.empty else f" = {shown}"
        kind = "" if p.annotation is p.empty else f": {p.annotation}"
        parameters.append({p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name + kind + default)
    returns = inspect.signature(found).return_annotation
    arrow = "" if returns is inspect.Signature.empty else f" -> {returns}"
    line = f"sampler.{name}({', '.join(parameters)}){arrow}"
    return line if len(line) <= 96 else f"sampler.{name}(\n    " + ",\n    ".join(parameters) + f",\n){arrow}"


def _members(cls: type[Any]) -> list[str]:
    """Public methods and properties: the first sentence of each."""
    lines = []
    for name, member in sorted(vars(cls).items()):
        inner = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        doc = inspect.getdoc(inner)
        if name.startswith("_") or not doc or not (callable(inner) or isinstance(inner, property)):
            continue
        first = re.split(r"(?<=[.:])\s", " ".join(_inline(doc).split("\n\n")[0].split()))[0]
        lines.append(f"- `.{name}{'' if isinstance(inner, property) else '()'}`: {first}")
    return [*lines, ""] if lines else []


def _inline(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _markdown(doc: str) -> str:
    """A Google-style docstring: sections as lists, examples as code."""
    out, section, code = [], "", False
    for line in doc.split("\n"):
        if code and not line.strip():
            out += ["```", ""]
            code = False
            continue
        if line.lstrip().startswith(">>>") and not code:
            out += [] if not out or not out[-1] else [""]
            out += ["```pycon"]
            code = True
        if code:
            out.append(
                line.strip() if line.lstrip().startswith((">>>", "...")) else line[len(line) - len(line.lstrip()) :]
            )
        elif SECTIONS.match(line):
            section = line[:-1]
            out += [f"**{section}**", ""] if section not in ("Example", "Examples") else []
        elif section in ("Returns", "Yields"):
            out.append(_inline(line.strip()))
        elif section and re.match(r"^    \S", line):
            entry = re.match(r"^    ([\w, .*`]+): (.*)$", line)
            out.append(f"- `{entry[1].strip('`')}`: {_inline(entry[2])}" if entry else f"- {_inline(line.strip())}")
        else:
            out.append(("  " if section and line.strip() else "") + _inline(line.strip()))
    return "\n".join([*out, *(["```"] if code else [])]).rstrip()
