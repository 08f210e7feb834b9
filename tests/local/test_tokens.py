import subprocess
import sys
from pathlib import Path

import jwt
import pytest

from local import demo, template, tokens
from local.functions import LAYER
from local.template import ROOT, Template

SUB = "11111111-2222-4333-8444-555555555555"


def make_token(folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.tokens"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": LAYER, "DATA_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def claims(facts: Template, folder: Path, token: str) -> dict[str, object]:
    environment = facts.functions["ListSubmissions"].environment
    decoded: dict[str, object] = jwt.decode(
        token,
        (folder / "token-key").read_text(),
        algorithms=["HS256"],
        issuer=environment["TOKEN_ISSUER"],
        audience=environment["TOKEN_AUDIENCE"],
        options={"require": ["sub", "role", "exp", "iat", "iss", "aud"]},
    )
    return decoded


@pytest.mark.parametrize("person", demo.PEOPLE, ids=lambda person: person.role)
def test_a_token_is_the_demos_person_of_the_role(
    facts: Template, tmp_path: Path, person: demo.Person
) -> None:
    made = make_token(tmp_path, ROLE=person.role)
    assert (made.returncode, made.stderr) == (0, "")
    told = claims(facts, tmp_path, made.stdout.removesuffix("\n"))
    assert (told["sub"], told["role"]) == (person.id, person.role)
    assert isinstance(told["exp"], int)
    assert isinstance(told["iat"], int)
    assert told["exp"] - told["iat"] == 12 * 3600


@pytest.mark.parametrize(("most", "seconds"), [("24", 43_200), ("12", 43_200), ("1", 3600), ("0.5", 1800)])
def test_a_token_is_never_valid_for_longer_than_the_template_allows(most: str, seconds: int) -> None:
    facts = template.read(MaximumTokenHours=most)
    told = jwt.decode(tokens.token(facts, "k" * 32, "asesor", SUB), options={"verify_signature": False})
    assert told["exp"] - told["iat"] == seconds
    assert tokens.hours(facts) * 3600 == seconds


def test_a_token_may_be_anybodys(facts: Template, tmp_path: Path) -> None:
    made = make_token(tmp_path, ROLE="asesor", SUB=SUB)
    assert claims(facts, tmp_path, made.stdout.strip())["sub"] == SUB


def test_a_token_has_its_claims_where_the_parameters_say() -> None:
    facts = template.read(TokenRoleClaim="app.role", TokenSubjectClaim="https://app.example/id")
    told = jwt.decode(tokens.token(facts, "k" * 32, "asesor", SUB), options={"verify_signature": False})
    assert told["app"] == {"role": "asesor"}
    assert told["https://app.example/id"] == SUB
    assert not told.keys() & {"sub", "role"}


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "ROLE must be one of admin, asesor, participant"),
        ({"ROLE": "teacher"}, "ROLE must be one of"),
        ({"ROLE": "asesor", "SUB": "7"}, "SUB must be a lower-case UUID"),
        (
            {"ROLE": "asesor", "PARAMETERS": "JwksUrl=https://a.example"},
            "tokens come from your identity provider",
        ),
        ({"ROLE": "asesor", "PARAMETERS": "JwksUrl"}, "PARAMETERS is not"),
        ({"ROLE": "asesor", "SUB": SUB.upper().replace("1", "A")}, "SUB must be a lower-case UUID"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    made = make_token(tmp_path, **variables)
    assert (made.returncode, made.stdout) == (2, "")
    assert said in made.stderr
    assert len(made.stderr.splitlines()) == 1


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = tokens.token_key(folder)
    assert tokens.token_key(folder) == key
    assert len(key.encode()) >= 32
    assert (folder / "token-key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["token-key"]
