#!/usr/bin/env bash
# Subscribe an SQS queue to the callbacks of ended tasks of one runtime.
set -euo pipefail

topic=$(aws cloudformation describe-stacks --stack-name "$STACK_NAME" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='sdNotificationOutputArn'].OutputValue")
queue_url=$(aws sqs create-queue --queue-name "$QUEUE_NAME" --output text --query QueueUrl)
queue=$(aws sqs get-queue-attributes --queue-url "$queue_url" --attribute-names QueueArn \
  --output text --query Attributes.QueueArn)

# Allow only this topic to send to the queue.
policy=$(jq --null-input --compact-output --arg queue "$queue" --arg topic "$topic" '{
  Version: "2012-10-17",
  Statement: [{
    Effect: "Allow",
    Principal: {Service: "sns.amazonaws.com"},
    Action: "sqs:SendMessage",
    Resource: $queue,
    Condition: {ArnEquals: {"aws:SourceArn": $topic}}
  }]
}')
aws sqs set-queue-attributes --queue-url "$queue_url" \
  --attributes "$(jq --null-input --arg policy "$policy" '{Policy: $policy}')"

# Raw message delivery: the body of a message is the callback. Without a FilterPolicy, the queue receives the callbacks
# of all runtimes and statuses.
filter=$(jq --null-input --compact-output --arg runtime "$SDWEBUI_RUNTIME" '{
  runtime: [$runtime],
  status: ["completed", "failed", "cancelled"]
}')
aws sns subscribe --topic-arn "$topic" --protocol sqs --notification-endpoint "$queue" --output text \
  --attributes "$(jq --null-input --arg filter "$filter" '{RawMessageDelivery: "true", FilterPolicy: $filter}')"
