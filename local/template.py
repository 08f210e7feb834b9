"""template.yaml as typed facts: its routes, functions, event sources, tables and CORS settings.

The one reader of the template on this machine. Intrinsics are resolved as `sam local` does: a
parameter is its default (or what `read` is given), `!Ref` of a resource is its logical id, and
`!GetAtt` is `<logical id>.<attribute>`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
REGION = "ap-southeast-3"
ACCOUNT = "123456789012"

_NO_VALUE = object()
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": _NO_VALUE,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": "local",
    "AWS::URLSuffix": "amazonaws.com",
}
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_TABLE_ARGUMENTS = ("AttributeDefinitions", "BillingMode", "KeySchema", "GlobalSecondaryIndexes")


@dataclass(frozen=True)
class Function:
    """`handler` is an importable path relative to the template's folder."""

    name: str
    handler: str
    timeout: int
    memory: int
    environment: Mapping[str, str]

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]


@dataclass(frozen=True)
class Route:
    """`method` and `path` are None for the `$default` route."""

    function: str
    method: str | None
    path: str | None

    @property
    def key(self) -> str:
        return f"{self.method} {self.path}" if self.path else "$default"


@dataclass(frozen=True)
class QueueSource:
    """`visibility_timeout` in seconds; `max_receives` None: for as long as the queue keeps a message."""

    function: str
    queue: str
    batch_size: int
    visibility_timeout: float
    max_receives: int | None


@dataclass(frozen=True)
class StreamSource:
    """`retries` None: for as long as DynamoDB keeps the record."""

    function: str
    event: str
    table: str
    batch_size: int
    retries: int | None
    bisect: bool
    partial_failures: bool
    on_failure: str | None
    """The queue that is told what was given up."""

    @property
    def name(self) -> str:
        return f"{self.function}-{self.event}"


@dataclass(frozen=True)
class Schedule:
    """`seconds` between two runs; None for a cron expression, which has no rate."""

    function: str
    expression: str
    seconds: int | None


@dataclass(frozen=True)
class Cors:
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: int | None


@dataclass(frozen=True)
class Template:
    """`tables` maps a table's logical id, which is its local name, to arguments of `create_table`."""

    root: Path
    resources: Mapping[str, Any]
    globals: Mapping[str, Any]

    def _of_type(self, kind: str) -> dict[str, Any]:
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def _events(self, *kinds: str) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (function, name, event.get("Properties", {}))
            for function, properties in self._of_type("AWS::Serverless::Function").items()
            for name, event in properties.get("Events", {}).items()
            if event["Type"] in kinds
        ]

    @cached_property
    def functions(self) -> dict[str, Function]:
        shared = self.globals.get("Function", {})
        found = {}
        for name, own in self._of_type("AWS::Serverless::Function").items():
            merged = shared | own
            variables = {
                **shared.get("Environment", {}).get("Variables", {}),
                **own.get("Environment", {}).get("Variables", {}),
            }
            folder = merged["CodeUri"].strip("./").replace("/", ".")
            found[name] = Function(
                name=name,
                handler=f"{folder}.{merged['Handler']}",
                timeout=int(merged.get("Timeout", 3)),
                memory=int(merged.get("MemorySize", 128)),
                environment={key: str(value) for key, value in variables.items()},
            )
        return found

    @cached_property
    def routes(self) -> list[Route]:
        return [
            Route(function, properties.get("Method", "").upper() or None, properties.get("Path"))
            for function, _, properties in self._events("HttpApi")
        ]

    @cached_property
    def queues(self) -> list[QueueSource]:
        return [
            QueueSource(
                function,
                queue := _logical_id(properties["Queue"]),
                int(properties.get("BatchSize", 10)),
                float(self._queue(queue).get("VisibilityTimeout", 30)),
                self._queue(queue).get("RedrivePolicy", {}).get("maxReceiveCount"),
            )
            for function, _, properties in self._events("SQS")
        ]

    def _queue(self, name: str) -> dict[str, Any]:
        return dict(self.resources[name].get("Properties", {}))

    @cached_property
    def streams(self) -> list[StreamSource]:
        return [
            StreamSource(
                function=function,
                event=name,
                table=_logical_id(properties["Stream"]),
                batch_size=int(properties.get("BatchSize", 100)),
                retries=None if (most := int(properties.get("MaximumRetryAttempts", -1))) < 0 else most,
                bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
                partial_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
                on_failure=_destination(properties.get("DestinationConfig", {})),
            )
            for function, name, properties in self._events("DynamoDB")
        ]

    @cached_property
    def schedules(self) -> list[Schedule]:
        return [
            Schedule(function, expression, _rate(expression))
            for function, _, properties in self._events("Schedule", "ScheduleV2")
            if (expression := properties.get("ScheduleExpression") or properties["Schedule"])
        ]

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name, properties in self._of_type("AWS::DynamoDB::Table").items():
            arguments = {key: properties[key] for key in _TABLE_ARGUMENTS if key in properties}
            if stream := properties.get("StreamSpecification"):
                arguments["StreamSpecification"] = {"StreamEnabled": True, **stream}
            found[name] = {"TableName": name, **arguments}
        return found

    @cached_property
    def cors(self) -> Cors | None:
        for properties in self._of_type("AWS::Serverless::HttpApi").values():
            if settings := properties.get("CorsConfiguration"):
                return Cors(
                    origins=tuple(settings.get("AllowOrigins", ())),
                    methods=tuple(settings.get("AllowMethods", ())),
                    headers=tuple(settings.get("AllowHeaders", ())),
                    exposed=tuple(settings.get("ExposeHeaders", ())),
                    max_age=settings.get("MaxAge"),
                )
        return None


def parameters(path: Path = ROOT / "template.yaml") -> dict[str, Any]:
    """The parameters of the template, each as it is declared."""
    return dict(yaml.load(path.read_text(encoding="utf-8"), _Loader).get("Parameters", {}))


def read(path: Path = ROOT / "template.yaml", /, **parameters: str) -> Template:
    """The template with its parameters' defaults, save those given here."""
    document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    values = {name: spec.get("Default") for name, spec in document.get("Parameters", {}).items()} | parameters
    for name, spec in document.get("Parameters", {}).items():
        if spec["Type"] == "CommaDelimitedList":
            values[name] = [value.strip() for value in values[name].split(",")]
    resolver = _Resolver(values, document.get("Conditions", {}))
    kept = {
        name: resource
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    return Template(path.resolve().parent, resolver.plain(kept), resolver.plain(document.get("Globals", {})))


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, turned into their long form (`{"Fn::Sub": …}`)."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


@dataclass(frozen=True)
class _Resolver:
    parameters: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def plain(self, value: Any) -> Any:
        """The value without intrinsics; raises `ValueError` for one that is not known here."""
        if isinstance(value, list):
            return [plain for element in value if (plain := self.plain(element)) is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if (name in ("Ref", "Condition") and isinstance(argument, str)) or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        return {
            name: plain for name, element in value.items() if (plain := self.plain(element)) is not _NO_VALUE
        }

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Condition":
                return self.holds(argument)
            case "Fn::GetAtt":
                return ".".join(argument)
            case "Fn::Sub":
                text, variables = argument if isinstance(argument, list) else (argument, {})
                known = {key: self.plain(value) for key, value in variables.items()}
                return re.sub(
                    r"\$\{([^!}][^}]*)\}",
                    lambda found: str(known.get(found[1]) or self._named(found[1])),
                    text,
                )
            case "Fn::If":
                condition, yes, no = argument
                return self.plain(yes if self.holds(condition) else no)
            case "Fn::Equals":
                left, right = self.plain(argument)
                return str(left) == str(right)
            case "Fn::Not":
                return not self.plain(argument[0])
            case "Fn::And":
                return all(self.plain(argument))
            case "Fn::Or":
                return any(self.plain(argument))
            case "Fn::Join":
                separator, parts = argument
                return separator.join(str(part) for part in self.plain(parts))
        raise ValueError(f"template.yaml uses {name}, which this reader does not know")

    def _reference(self, name: str) -> Any:
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        return self.parameters.get(name, name)

    def _named(self, name: str) -> Any:
        """What `${name}` stands for: a `!Ref`, or a `!GetAtt` when it has a dot."""
        return name if "." in name else self._reference(name)

    def holds(self, condition: str) -> bool:
        return bool(self.plain(self.conditions[condition]))


def _logical_id(reference: str) -> str:
    return reference.partition(".")[0]


def _destination(configuration: Mapping[str, Any]) -> str | None:
    on_failure = configuration.get("OnFailure")
    return _logical_id(on_failure["Destination"]) if on_failure else None


def _rate(expression: str) -> int | None:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(found[1]) * _SECONDS[found[2]] if found else None
