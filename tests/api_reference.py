"""The API reference as a static page, out of the OpenAPI schema: ``python -m tests.api_reference --write`` (`make docs`)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/api-reference.md"
METHODS = ("get", "post", "put", "patch", "delete")


def schema() -> dict[str, Any]:
    """Return the OpenAPI schema as `manage.py spectacular` writes it."""
    command = [sys.executable, "manage.py", "spectacular", "--format", "openapi-json"]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(written)
    return found


def cell(text: object) -> str:
    """Return `text` so that it can stand in a cell of a table."""
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").strip()


def type_name(field: dict[str, Any]) -> str:
    """Return the type of a field in short, with a link to a component."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("allOf", "oneOf", "anyOf"):
        if key in field:
            return " or ".join(type_name(one) for one in field[key])
    if field.get("type") == "array":
        return f"list of {type_name(field.get('items', {}))}"
    values = field.get("enum")
    if values:
        return ", ".join(f"`{cell(json.dumps(value))}`" for value in values)
    kind = field.get("type", "any value")
    name = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{name} ({field['format']})" if "format" in field else name


def fields_table(component: dict[str, Any]) -> list[str]:
    """Return the fields of a component as the rows of a table."""
    properties = component.get("properties")
    if not properties:
        return [type_name(component), ""]
    required = component.get("required", [])
    rows = ["| Field | Type | | |", "| --- | --- | --- | --- |"]
    for name, field in properties.items():
        need = "required" if name in required else ""
        rows.append(f"| `{name}` | {type_name(field)} | {need} | {cell(field.get('description', ''))} |")
    return [*rows, ""]


def body_types(content: dict[str, Any]) -> str:
    """Return the type of a body, of whatever media type comes first."""
    first: dict[str, Any] = next(iter(content.values()), {})
    return type_name(first.get("schema", {}))


def operation(method: str, path: str, described: dict[str, Any]) -> list[str]:
    """Return the lines about one operation."""
    lines = [f"### {method.upper()} `{path}`", "", described.get("description", "").replace("<", "&lt;"), ""]
    if scopes := described.get("x-required-scopes"):
        lines += [f"Scopes: {', '.join(f'`{one}`' for one in scopes)}", ""]
    parameters = [one for one in described.get("parameters", []) if "name" in one]
    if parameters:
        lines += ["| Parameter | In | Type | |", "| --- | --- | --- | --- |"]
        for one in parameters:
            lines.append(
                f"| `{one['name']}` | {one['in']} | {type_name(one.get('schema', {}))} | {cell(one.get('description', ''))} |"
            )
        lines.append("")
    if "requestBody" in described:
        lines += [f"Body: {body_types(described['requestBody'].get('content', {}))}", ""]
    for status, answer in described.get("responses", {}).items():
        content = answer.get("content", {})
        lines.append(
            f"- {status}: {body_types(content) if content else cell(answer.get('description', '')) or 'no body'}"
        )
    return [*lines, ""]


def page(described: dict[str, Any]) -> str:
    """Return the whole page."""
    lines = [
        "# API reference",
        "",
        f"Version {described['info']['version']}, made from the OpenAPI schema. "
        "A running Guildhall has the schema at `/api/schema/` and a page on which calls can be tried at `/api/docs/`. "
        "How to begin: [bots.md](bots.md).",
        "",
    ]
    tags: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                tag = (operations[method].get("tags") or ["other"])[0]
                tags.setdefault(tag, []).extend(operation(method, path, operations[method]))
    for tag, written in sorted(tags.items()):
        lines += [f"## {tag}", "", *written]
    lines += ["## Types", ""]
    for name, component in sorted(described["components"]["schemas"].items()):
        lines += [f"### {name} {{ #{name.lower()} }}", "", component.get("description", "").replace("<", "&lt;"), ""]
        lines += fields_table(component)
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    PAGE.write_text(page(schema()), encoding="utf-8")


if __name__ == "__main__":
    main()
