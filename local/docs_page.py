"""The API's reference as one page of HTML with nothing from outside, made from docs/openapi.yaml."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 8

_STYLE = """
:root { color-scheme: light dark; --line: #d5dae1; --soft: #f5f7f9; --text: #1c2530; --dim: #5d6b7a;
  --get: #1f6feb; --post: #1a7f4b; --patch: #9a6400; --put: #9a6400; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --line: #333d48; --soft: #1b2129; --text: #e4e9ee;
  --dim: #97a4b2; --get: #6cb0ff; --post: #5fcf95; --patch: #e5b25a; --put: #e5b25a; --delete: #ff8f87; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.55 system-ui, sans-serif; color: var(--text); background: Canvas;
  display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem;
  border-right: 1px solid var(--line); background: var(--soft); font-size: 13px; }
nav a { display: block; padding: .2rem 0; color: inherit; text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
nav h2 { font-size: 12px; margin: 1.2rem 0 .3rem; color: var(--dim); }
main { padding: 2rem clamp(1rem, 4vw, 4rem); max-width: 62rem; }
h1 { margin: 0; } h2 { margin: 3rem 0 .5rem; }
article { border-top: 1px solid var(--line); padding: 1.2rem 0 1.6rem; }
h3 { margin: 0; font-size: 16px; overflow-wrap: anywhere; }
h4 { margin: 1.2rem 0 .3rem; font-size: 13px; color: var(--dim); }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8rem;
  overflow: auto; margin: .4rem 0; max-height: 30rem; }
.method { font: 700 12px ui-monospace, Menlo, Consolas, monospace; margin-right: .6rem; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); }
.patch { color: var(--patch); } .delete { color: var(--delete); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0;
  border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; font-size: 12px; }
.dim { color: var(--dim); } summary { cursor: pointer; padding: .25rem 0; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; } }
"""


def page(openapi: Mapping[str, Any]) -> str:
    """Operations by tag, each with its parameters, body and answers; `$ref`s within the document only."""
    return "\n".join(_Page(openapi).html())


class _Page:
    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._openapi = openapi
        self._tags: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
        for path, item in openapi.get("paths", {}).items():
            for method in _METHODS:
                if operation := item.get(method):
                    tag = (operation.get("tags") or ["Routes"])[0]
                    self._tags.setdefault(tag, []).append((method, path, operation))

    def html(self) -> Iterator[str]:
        info = self._openapi["info"]
        title = escape(info["title"])
        yield "<!doctype html>"
        yield f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<style>{_STYLE}</style></head><body><nav aria-label='Routes'><strong>{title}</strong>"
        for tag, operations in self._tags.items():
            yield f"<h2>{escape(tag)}</h2>"
            for method, path, operation in operations:
                name = escape(operation.get("summary") or path)
                yield f'<a href="#{_anchor(method, path)}">{_badge(method)}{name}</a>'
        yield f"</nav><main><h1>{title}</h1>"
        yield f'<p class="dim">Version {escape(str(info.get("version", "")))} · '
        yield '<a href="/docs/openapi.yaml">openapi.yaml</a></p>'
        yield _paragraphs(info.get("description", ""))
        for tag, operations in self._tags.items():
            yield f"<h2>{escape(tag)}</h2>"
            for method, path, operation in operations:
                yield from self._operation(method, path, operation)
        yield "</main></body></html>"

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
        yield f'<article id="{_anchor(method, path)}"><h3>{_badge(method)}<code>{escape(path)}</code></h3>'
        yield _paragraphs(operation.get("summary", ""))
        yield _paragraphs(operation.get("description", ""))
        parameters = [self._resolved(parameter) for parameter in operation.get("parameters", [])]
        if parameters:
            yield "<h4>Parameters</h4><table><tr><th>Name</th><th>In</th><th>Type</th><th>Meaning</th></tr>"
            for parameter in parameters:
                name = escape(parameter["name"]) + (" *" if parameter.get("required") else "")
                yield (
                    f"<tr><td><code>{name}</code></td><td>{escape(parameter['in'])}</td>"
                    f"<td>{escape(self._type(parameter.get('schema', {})))}</td>"
                    f"<td>{escape(parameter.get('description', ''))}</td></tr>"
                )
            yield "</table>"
        for media in self._resolved(operation.get("requestBody", {})).get("content", {}).values():
            yield "<h4>Body</h4>"
            yield from self._content(media)
        yield "<h4>Answers</h4>"
        for status, response in operation.get("responses", {}).items():
            yield from self._response(str(status), self._resolved(response))
        yield "</article>"

    def _response(self, status: str, response: Mapping[str, Any]) -> Iterator[str]:
        said = f"<strong>{escape(status)}</strong> {escape(response.get('description', ''))}"
        contents = list(response.get("content", {}).values())
        if not contents:
            yield f"<p>{said}</p>"
            return
        yield f"<details{' open' if status.startswith('2') else ''}><summary>{said}</summary>"
        for media in contents:
            yield from self._content(media)
        yield "</details>"

    def _content(self, media: Mapping[str, Any]) -> Iterator[str]:
        """The fields of the schema, then the examples, or one made from the schema."""
        schema = self._resolved(media.get("schema", {}))
        if schema.get("properties"):
            required = schema.get("required", [])
            yield "<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>"
            for name, field in schema["properties"].items():
                mark = " *" if name in required else ""
                meaning = escape(self._resolved(field).get("description", ""))
                yield (
                    f"<tr><td><code>{escape(name)}{mark}</code></td>"
                    f"<td>{escape(self._type(field))}</td><td>{meaning}</td></tr>"
                )
            yield "</table>"
        given = [example.get("value") for example in media.get("examples", {}).values()]
        given += [media["example"]] if "example" in media else []
        for example in given or [self._example(schema)]:
            text = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
            yield f"<pre>{escape(text)}</pre>"

    def _resolved(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in value:
            found: Any = self._openapi
            for part in value["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            value = found
        return value

    def _type(self, schema: Mapping[str, Any]) -> str:
        schema = self._resolved(schema)
        if choices := schema.get("enum"):
            return " | ".join(map(str, choices))
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return " | ".join(dict.fromkeys(self._type(option) for option in options))
        kind = schema.get("type", "any")
        if isinstance(kind, list):
            return " | ".join(kind)
        if kind == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        limits = [
            f"{sign} {schema[name]}"
            for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"))
            if name in schema
        ]
        default = [f"default {schema['default']}"] if schema.get("default") is not None else []
        return ", ".join([f"{kind} ({schema['format']})" if "format" in schema else kind, *limits, *default])

    def _example(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        schema = self._resolved(schema)
        for known in ("example", "default", "const"):
            if known in schema:
                return schema[known]
        for several in ("examples", "enum"):
            if schema.get(several):
                return schema[several][0]
        if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
            return self._example(options[0], depth)
        if depth > _DEEPEST:
            return None
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                fields = schema.get("properties", {}).items()
                return {name: self._example(field, depth + 1) for name, field in fields}
            case "array":
                return [self._example(schema.get("items", {}), depth + 1)]
            case "integer" | "number":
                return schema.get("minimum", 0)
            case "boolean":
                return True
            case "string":
                return str(schema.get("format", "string"))
        return None


def _anchor(method: str, path: str) -> str:
    return f"{method}-" + "".join(character if character.isalnum() else "-" for character in path).strip("-")


def _badge(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.strip().split("\n\n") if part)
