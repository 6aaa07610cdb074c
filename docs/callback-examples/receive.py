"""Receive callbacks from the queue, until Ctrl-C."""

import json
import os

import boto3

sqs = boto3.client("sqs")
queue_url = sqs.get_queue_url(QueueName=os.environ["QUEUE_NAME"])["QueueUrl"]
handled = set()  # of events; where the work must not be done twice, keep them in a database

while True:
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
    for message in answer.get("Messages", []):
        callback = json.loads(message["Body"])
        if callback["event_id"] not in handled:
            print(callback["id"], callback["status"], *callback["image_url"], flush=True)
            handled.add(callback["event_id"])
        # Deleted only now: a message that was not handled comes again.
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
