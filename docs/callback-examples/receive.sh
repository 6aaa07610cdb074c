#!/usr/bin/env bash
# Receive callbacks from the queue until there is none for 20 seconds.
set -euo pipefail

queue_url=$(aws sqs get-queue-url --queue-name "$QUEUE_NAME" --output text --query QueueUrl)
while true; do
  messages=$(aws sqs receive-message --queue-url "$queue_url" --max-number-of-messages 10 \
    --wait-time-seconds "${WAIT_SECONDS:-20}" --output json)
  if [[ -z $messages ]]; then break; fi
  while read -r message; do
    jq '.Body | fromjson | {event_id, id, status, image_url, error}' <<<"$message"
    # Deleted last: a message that was not processed is received again.
    aws sqs delete-message --queue-url "$queue_url" --receipt-handle "$(jq --raw-output .ReceiptHandle <<<"$message")"
  done < <(jq --compact-output '.Messages[]' <<<"$messages")
done
