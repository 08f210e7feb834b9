"""The layer as `sam build` makes it: complete, no larger than it must be, its bytecode in place."""

import json
import os
import re
import ssl
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import botocore.session
import build
import pytest

from local import template
from local.template import ROOT
from tests.support import PACKAGES_OF_ENDPOINTS

TEMPLATE = template.read()
ENDPOINTS = {
    TEMPLATE.functions[route.function].module.split(".")[1] for route in TEMPLATE.routes if route.path
}
FOLDERS = sorted(function.module.split(".")[1] for function in TEMPLATE.functions.values())
SLOW_TO_IMPORT = {"aws_lambda_powertools", "aws_xray_sdk", "boto3", "cryptography", "moto", "s3transfer"}
MEGABYTE = 2**20

IMPORT_APP = """
import json, sys
from importlib.machinery import SourceFileLoader
compiled = SourceFileLoader.source_to_code
def watched(loader, data, path, **options):
    assert not path.startswith(sys.argv[1]), f"{path} is compiled anew"
    return compiled(loader, data, path, **options)
SourceFileLoader.source_to_code = watched
import app
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""
READ_BYTECODE = """
import json, marshal, sys
from pathlib import Path
def told(file):
    content = file.read_bytes()
    return int.from_bytes(content[4:8], "little"), marshal.loads(content[16:]).co_filename
print(json.dumps({str(file): told(file) for file in Path(sys.argv[1]).rglob("*.pyc")}))
"""
ALL_THAT_ENDPOINTS_IMPORT = {*PACKAGES_OF_ENDPOINTS, "teaching"}
"""Packages of the layer: each costs every cold start."""
MODULES_MOST = 225
"""That an endpoint's import brings in of the layer."""


@pytest.fixture(params=FOLDERS)
def imported(request: pytest.FixtureRequest, layer: Path, python: str) -> tuple[str, dict[str, str | None]]:
    """A function's folder, and the modules (with their files) that importing it imports."""
    path = os.pathsep.join([str(ROOT / "functions" / request.param), str(layer / "python")])
    command = [python, "-S", "-B", "-c", IMPORT_APP, str(layer)]
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, json.loads(done.stdout)


def test_a_function_imports_the_layer_alone_and_little_of_it(
    imported: tuple[str, dict[str, str | None]], layer: Path
) -> None:
    folder, modules = imported
    # The schedule's function reports a metric, and nobody waits for it.
    slow = SLOW_TO_IMPORT - ({"aws_lambda_powertools"} if folder == "recompute_statistics" else set())
    assert not slow & modules.keys()
    assert "teaching.http.jwks" not in modules
    standard = str(Path(modules["os"] or "").parent)
    own = (str(layer), str(ROOT / "functions" / folder), standard)
    elsewhere = {name: file for name, file in modules.items() if file and not file.startswith(own)}
    assert elsewhere == {}
    assert not [file for file in modules.values() if file and "site-packages" in file]


def test_an_endpoint_imports_no_more_than_its_work_takes(
    imported: tuple[str, dict[str, str | None]], layer: Path
) -> None:
    folder, modules = imported
    if folder not in ENDPOINTS:
        return
    of_layer = {name for name, file in modules.items() if file and file.startswith(str(layer))}
    assert {name.partition(".")[0] for name in of_layer} == ALL_THAT_ENDPOINTS_IMPORT
    assert len(of_layer) <= MODULES_MOST, sorted(of_layer)


@pytest.mark.parametrize(("of", "least"), [("layer", 300), ("cryptography_layer", 50)])
def test_every_module_has_bytecode_that_lambda_takes_as_it_is(
    request: pytest.FixtureRequest, python: str, of: str, least: int
) -> None:
    """That of others stands for its source; ours is beside it, which tracebacks show."""
    layer: Path = request.getfixturevalue(of)
    package = layer / "python" / "teaching"
    command = [python, "-c", READ_BYTECODE, str(layer)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert len(told) > least
    for file, (flags, name) in told.items():
        assert flags == 0b01, f"{file}: not an unchecked hash"
        source = Path(file).relative_to(layer).with_suffix(".py")
        if package in Path(file).parents:
            source = source.parent.parent / f"{source.name.partition('.')[0]}.py"
        assert name == f"/opt/{source}"
    sources = set(layer.rglob("*.py"))
    assert sources == {source for source in sources if package in source.parents}
    assert len(sources) == sum(package in Path(file).parents for file in told)


def test_it_holds_the_package_and_nothing_that_no_function_needs(layer: Path) -> None:
    shipped = {path.relative_to(layer / "python") for path in (layer / "python" / "teaching").rglob("*.py")}
    assert shipped == {
        path.relative_to(ROOT / "layers/common") for path in (ROOT / "layers/common/teaching").rglob("*.py")
    }
    assert [path.name for path in layer.iterdir()] == ["python"]
    top = {path.name for path in (layer / "python").iterdir()}
    assert not [name for name in top if name.endswith((".dist-info", ".txt"))]
    assert not top & {"Makefile", "bin", "boto3", "build.py", "s3transfer", "tests"}
    assert not [path for path in layer.rglob("*") if path.name in ("test", "tests")]


def test_it_describes_the_services_that_are_called_and_no_others(layer: Path) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "layers/common/teaching").rglob("*.py"))
    called = {name for source in sources for name in re.findall(r'create_client\(\s*"(\w+)"', source)}
    data = layer / "python" / "botocore" / "data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == called


DESCRIBE = """
import json, sys
import botocore.session
from botocore.model import ListShape, MapShape, StructureShape
session = botocore.session.get_session()
def walk(shape, seen=()):
    if shape is None or shape.name in seen:
        return
    inner = []
    if isinstance(shape, StructureShape):
        inner = [*shape.members.values()]
    elif isinstance(shape, ListShape):
        inner = [shape.member]
    elif isinstance(shape, MapShape):
        inner = [shape.key, shape.value]
    yield shape.name, shape.type_name, shape.serialization, sorted(shape.metadata.items())
    for each in inner:
        yield from walk(each, (*seen, shape.name))
told = {}
for service, operations in json.loads(sys.argv[1]).items():
    model = session.get_service_model(service)
    for name in operations:
        operation = model.operation_model(name)
        told[f"{service} {name}"] = [
            operation.http, operation.resolved_auth_type, operation.idempotent_members,
            list(walk(operation.input_shape)), list(walk(operation.output_shape)),
            sorted((shape.error_code, list(walk(shape))) for shape in operation.error_shapes),
        ]
    told[service] = [model.metadata, sorted(shape.error_code for shape in model.error_shapes)]
print(json.dumps(told))
"""


def test_what_it_describes_is_as_botocore_describes_it(layer: Path, python: str) -> None:
    """Services, operations, all that goes in, comes out and goes wrong."""
    asked = json.dumps({service: sorted(names) for service, names in build.OPERATIONS.items()})

    def described(interpreter: str, **environment: str) -> Any:
        command = [interpreter, "-c", DESCRIBE, asked]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    shipped = described(python, PYTHONPATH=str(layer / "python"))
    assert shipped == described(sys.executable)
    assert shipped["dynamodb Query"][4]


LOCATE = """
import json, sys
import botocore.session
from botocore.config import Config
session = botocore.session.get_session()
session.set_credentials("key", "secret")
told = {}
def located(request, **_):
    told[f"{service} {region}"] = request.url, request.headers["Authorization"].decode().split("/", 2)[2][:60]
    raise InterruptedError
queue = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}
arguments = {"sqs": queue, "dynamodb": {"RequestItems": {"t": {}}}}
for service, operation, region in json.loads(sys.argv[1]):
    options = Config(parameter_validation=False, user_agent="same")
    client = session.create_client(service, region_name=region, config=options)
    client.meta.events.register("before-send.*", located)
    try:
        client._make_api_call(operation, arguments.get(service, {}))
    except InterruptedError:
        pass
print(json.dumps(told))
"""


def test_it_finds_each_service_in_each_region_where_botocore_does(layer: Path, python: str) -> None:
    """Those that it does not know yet, too."""
    partitions = botocore.session.get_session().get_data("partitions")["partitions"]
    # Of some things that are the same in all regions, but not of these services.
    known = [region for part in partitions for region in part["regions"] if not region.endswith("-global")]
    asked = [
        (service, min(names), region)
        for service, names in build.OPERATIONS.items()
        for region in [*known, "eu-new-9", "cn-new-9", "us-gov-new-9"]
    ]

    def told(interpreter: str, **environment: str) -> Any:
        command = [interpreter, "-c", LOCATE, json.dumps(asked)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    shipped = told(python, PYTHONPATH=str(layer / "python"))
    assert shipped == told(sys.executable)
    assert len(shipped) == len(asked) > 200


ROOTS = {
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
}
"""To be trusted by whoever keeps a list of their own (amazontrust.com/repository)."""


def test_it_trusts_who_signs_for_aws_and_few_others(layer: Path) -> None:
    def trusted(bundle: Path) -> dict[bytes, str]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(bundle)
        subjects: list[Any] = [certificate["subject"] for certificate in context.get_ca_certs()]
        names = [dict(part for (part,) in subject).get("commonName", "") for subject in subjects]
        return dict(zip(context.get_ca_certs(binary_form=True), names, strict=True))

    shipped = trusted(layer / "python" / "botocore" / "cacert.pem")
    assert shipped.items() <= trusted(Path(botocore.__file__).parent / "cacert.pem").items()
    assert set(shipped.values()) >= ROOTS
    assert len(shipped) < 20


def test_it_runs_on_both_architectures(layer: Path) -> None:
    compiled = {path.name.split("-", 2)[2] for path in layer.rglob("_pydantic_core.*.so")}
    assert compiled == {"aarch64-linux-gnu.so", "x86_64-linux-gnu.so"}


def test_it_is_small(layer: Path, tmp_path: Path) -> None:
    files = [path for path in layer.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 15.3 * MEGABYTE
    with zipfile.ZipFile(tmp_path / "layer.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in files:
            archive.write(path, path.relative_to(layer))
    assert (tmp_path / "layer.zip").stat().st_size < 7 * MEGABYTE


def test_cryptography_is_in_a_layer_of_its_own_for_both_architectures(
    layer: Path, cryptography_layer: Path, python: str
) -> None:
    assert not (layer / "python" / "cryptography").exists()
    assert [path.name for path in cryptography_layer.iterdir()] == ["python"]
    packages = cryptography_layer / "python"
    modules = list(packages.rglob("*.so"))
    assert {path.name for path in packages.iterdir() if path.is_dir()} == {"cffi", "cryptography"}
    assert {path.name.split("-", 2)[2] for path in modules} == {
        "aarch64-linux-gnu.so",
        "x86_64-linux-gnu.so",
    }
    assert len({path.name.partition(".")[0] for path in modules}) * 2 == len(modules) == 4


def test_the_two_layers_are_all_that_verifying_needs(
    layer: Path, cryptography_layer: Path, python: str
) -> None:
    path = os.pathsep.join([str(layer / "python"), str(cryptography_layer / "python")])
    command = [python, "-S", "-B", "-c", IMPORT_APP.replace("import app", "import teaching.http.jwks"), ""]
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = {name: file for name, file in json.loads(done.stdout).items() if file}
    standard = str(Path(files["os"]).parent)
    own = (str(layer), str(cryptography_layer), standard)
    assert {name: file for name, file in files.items() if not file.startswith(own)} == {}
