"""Receive callbacks from the queue until you press Ctrl-C."""

import json
import os

import boto3

sqs = boto3.client("sqs")
queue_url = sqs.get_queue_url(QueueName=os.environ["QUEUE_NAME"])["QueueUrl"]
handled = set()  # event ids; store them in a database if a callback must not be processed twice

while True:
    response = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=20)
    for message in response.get("Messages", []):
        callback = json.loads(message["Body"])
        if callback["event_id"] not in handled:
            print(callback["id"], callback["status"], *callback["image_url"], flush=True)
            handled.add(callback["event_id"])
        # Deleted last: a message that was not processed is received again.
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
