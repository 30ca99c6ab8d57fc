"""What the buses on SQS and on SNS share: requests, queues of groups, and consuming them."""
