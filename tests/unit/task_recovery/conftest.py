"""The task table in memory."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from task_record import table
from task_record.attribute_values import to_attribute_values
from tests.unit.task_recovery.world import INDEXES, NUMBERS, World


def client() -> Any:
    return boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture(scope="module")
def in_memory() -> Iterator[Callable[[], World]]:
    def attribute(name: str) -> dict[str, str]:
        return {"AttributeName": name, "AttributeType": "N" if name in NUMBERS else "S"}

    names = {table.PK, table.SK}.union(*({*parts, sort} for parts, sort, _ in INDEXES.values()))
    with mock_aws():
        client().create_table(
            TableName="tasks",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": table.PK, "KeyType": "HASH"},
                {"AttributeName": table.SK, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[attribute(name) for name in sorted(names)],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": [
                        *({"AttributeName": part, "KeyType": "HASH"} for part in parts),
                        {"AttributeName": sort, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(projected)},
                }
                for index, (parts, sort, projected) in INDEXES.items()
            ],
        )
        yield lambda: World(client())


@pytest.fixture
def world(in_memory: Callable[[], World]) -> Iterator[World]:
    world = in_memory()
    yield world
    for item in world.items():
        world.dynamodb.delete_item(
            TableName="tasks", Key=to_attribute_values({name: item[name] for name in (table.PK, table.SK)})
        )
