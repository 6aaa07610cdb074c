#!/usr/bin/env bash
# Subscribe an HTTPS endpoint to all callbacks. Start the endpoint first: SNS asks it to confirm at once.
set -euo pipefail

topic=$(aws cloudformation describe-stacks --stack-name "$STACK_NAME" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='sdNotificationOutputArn'].OutputValue")
aws sns subscribe --topic-arn "$topic" --protocol "${ENDPOINT_URL%%:*}" --notification-endpoint "$ENDPOINT_URL" \
  --return-subscription-arn --output text
