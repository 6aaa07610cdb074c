#!/usr/bin/env bash
# moto keeps a copy of every table that a DynamoDB transaction names for as long as the mock lives.
#
# Version: moto 5.2.5, Python 3.11.
# Seen: a table of 300 items of 1 KB, then TransactWriteItems that each put one more item under a key of its own.
# TransactWriteItems copies the whole table first, in case it must be rolled back, and the copies stay reachable from
# the backend after the commit: the number of live items grows with (transactions x items), not with the items stored.
# 100 transactions leave about 35,000 items alive beside the 400 that are stored. PutItem leaves only what is stored.
# Consequence: a test that submits a few thousand transactions against one mock takes gigabytes. Reset the mock now and
# then, or count transactions in your fixtures.
# Output seen: "put_item: 400 items alive, transact_write_items: ... items alive"; exit 0 while that holds.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[dynamodb]==5.2.5' 'boto3==1.43.0'

AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 "$folder/venv/bin/python" - <<'PY'
import gc
import sys

import boto3
from moto import mock_aws
from moto.dynamodb.models.dynamo_type import Item


def items_alive(write) -> int:
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        for number in range(300):
            client.put_item(TableName="t", Item={"pk": {"S": f"first-{number}"}, "data": {"S": "x" * 1000}})
        for number in range(100):
            write(client, {"pk": {"S": f"further-{number}"}, "data": {"S": "x" * 1000}})
        gc.collect()
        return sum(isinstance(one, Item) for one in gc.get_objects())


put = items_alive(lambda client, item: client.put_item(TableName="t", Item=item))
transacted = items_alive(
    lambda client, item: client.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": item}}])
)
print(f"put_item: {put} items alive, transact_write_items: {transacted} items alive")
sys.exit(0 if put < 1_000 and transacted > 20_000 else 1)
PY
