"""The bus on SNS, whose groups are queues of SQS."""
