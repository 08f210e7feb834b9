from pathlib import Path

import pytest

from local.template import Cors, QueueSource, Route, Schedule, StreamSource, Template, read

TEMPLATE = """
Parameters:
  Origins: {Type: CommaDelimitedList, Default: "https://a.example, https://b.example"}
  Stage: {Type: String, Default: dev}
  Endpoint: {Type: String, Default: ""}
Conditions:
  IsProduction: !Equals [!Ref Stage, prod]
  IsLocal: !Not [!Equals [!Ref Endpoint, ""]]
  IsBoth: !And [!Condition IsProduction, !Condition IsLocal]
  IsEither: !Or [!Condition IsProduction, !Condition IsLocal]
Globals:
  Function:
    Handler: app.handler
    Timeout: 10
    Environment:
      Variables:
        TABLE: !Ref Things
        ENDPOINT: !If [IsLocal, !Ref Endpoint, !Ref AWS::NoValue]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: {AllowOrigins: !Ref Origins, AllowMethods: [GET], MaxAge: 60}
  Read:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/read/
      Environment:
        Variables:
          ARN: !GetAtt Things.Arn
          NAME: !Sub "${Stage}-${Things}-${Things.Arn}-${AWS::Region}-${!Literal}"
          JOINED: !Join ["/", [a, !Ref Stage]]
          BOTH: !If [IsBoth, "yes", "no"]
          EITHER: !If [IsEither, "yes", "no"]
      Events:
        Route: {Type: HttpApi, Properties: {Method: get, Path: "/things/{id}"}}
        Rest: {Type: HttpApi}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/work
      Handler: app.work
      Timeout: 60
      MemorySize: 512
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn, BatchSize: 5}}
        Patient: {Type: SQS, Properties: {Queue: !GetAtt Patient.Arn}}
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Things.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 4
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Patient.Arn}}
        Hourly: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(2 hours)}}
        Nightly: {Type: ScheduleV2, Properties: {ScheduleExpression: "cron(0 3 * * ? *)"}}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60, RedrivePolicy: {maxReceiveCount: 3}}
  Patient: {Type: AWS::SQS::Queue}
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      DeletionProtectionEnabled: true
      StreamSpecification: {StreamViewType: KEYS_ONLY}
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Elsewhere:
    Type: AWS::DynamoDB::Table
    Condition: IsProduction
    Properties: {}
"""


def facts(folder: Path, **parameters: str) -> Template:
    path = folder / "template.yaml"
    path.write_text(TEMPLATE)
    return read(path, **parameters)


def test_routes_and_the_default_route(tmp_path: Path) -> None:
    assert facts(tmp_path).routes == [Route("Read", "GET", "/things/{id}"), Route("Read", None, None)]


def test_functions_inherit_the_globals(tmp_path: Path) -> None:
    found = facts(tmp_path).functions
    assert (found["Read"].handler, found["Read"].timeout, found["Read"].memory) == (
        "functions.read.app.handler",
        10,
        128,
    )
    assert (found["Work"].handler, found["Work"].timeout, found["Work"].memory) == (
        "functions.work.app.work",
        60,
        512,
    )


def test_intrinsics_are_resolved(tmp_path: Path) -> None:
    assert facts(tmp_path).functions["Read"].environment == {
        "TABLE": "Things",
        "ARN": "Things.Arn",
        "NAME": "dev-Things-Things.Arn-ap-southeast-3-${!Literal}",
        "JOINED": "a/dev",
        "BOTH": "no",
        "EITHER": "no",
    }


def test_parameters_decide_conditions(tmp_path: Path) -> None:
    given = facts(tmp_path, Endpoint="http://127.0.0.1:3000", Stage="prod")
    environment = given.functions["Read"].environment
    assert environment["ENDPOINT"] == "http://127.0.0.1:3000"
    assert (environment["BOTH"], environment["EITHER"]) == ("yes", "yes")
    assert "Elsewhere" in given.tables
    assert "Elsewhere" not in facts(tmp_path).tables


def test_event_sources(tmp_path: Path) -> None:
    found = facts(tmp_path)
    assert found.queues == [
        QueueSource("Work", "Queue", 5, 60, 3),
        QueueSource("Work", "Patient", 10, 30, None),
    ]
    assert found.streams == [StreamSource("Work", "Stream", "Things", 100, 4, False, True, "Patient")]
    assert found.schedules == [
        Schedule("Work", "rate(2 hours)", 7200),
        Schedule("Work", "cron(0 3 * * ? *)", None),
    ]


def test_tables_are_arguments_of_create_table(tmp_path: Path) -> None:
    assert facts(tmp_path).tables == {
        "Things": {
            "TableName": "Things",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        }
    }


def test_cors(tmp_path: Path) -> None:
    assert facts(tmp_path).cors == Cors(("https://a.example", "https://b.example"), ("GET",), (), (), 60)


def test_an_intrinsic_that_is_not_known_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {Some: {Type: Thing, Properties: {Name: !ImportValue other}}}")
    with pytest.raises(ValueError, match="Fn::ImportValue"):
        read(path)
